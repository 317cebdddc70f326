using TrainingService.Domain.Recipes;
using static TrainingService.Domain.Tests.Recipes.Requests;

namespace TrainingService.Domain.Tests.Recipes;

/// <summary>Settings that are fine alone and mean nothing together.</summary>
public sealed class RecipeRulesTests
{
    [Theory]
    [InlineData("loss_weights", """{"loss_type": ["sigmoid", "sft"], "loss_weights": [1]}""", "loss_weights has 1 entries but loss_type has 2")]
    [InlineData("loss_weights", """{"loss_weights": [1, 1]}""", "loss_weights has 2 entries but loss_type has 1")]
    [InlineData("loss_weights", """{"loss_type": ["sigmoid", "sft"], "loss_weights": [0, 0]}""", "all 0")]
    [InlineData("label_smoothing", """{"loss_type": "exo_pair"}""", "set it above 0")]
    [InlineData("label_smoothing", """{"loss_type": "ipo", "label_smoothing": 0.1}""", "no effect on ipo")]
    [InlineData("label_smoothing", """{"loss_type": ["hinge", "sft"], "label_smoothing": 0.1}""", "no effect on hinge, sft")]
    [InlineData("f_divergence_type", """{"loss_type": "nca_pair", "f_divergence_type": "forward_kl"}""", "nca_pair is defined for reverse_kl alone")]
    [InlineData("f_divergence_type", """{"loss_type": ["sigmoid", "bco_pair"], "f_divergence_type": "js_divergence"}""", "bco_pair is defined for reverse_kl alone")]
    [InlineData("f_alpha_divergence_coef", """{"f_alpha_divergence_coef": 0.7}""", "no effect without f_divergence_type alpha_divergence")]
    [InlineData("f_alpha_divergence_coef", """{"f_divergence_type": "forward_kl", "f_alpha_divergence_coef": 0.7}""", "no effect")]
    [InlineData("discopop_tau", """{"discopop_tau": 0.1}""", "no effect on sigmoid")]
    [InlineData("use_weighting", """{"loss_type": "aot", "use_weighting": true}""", "aot sorts over the batch")]
    [InlineData("use_weighting", """{"loss_type": ["sigmoid", "aot_unpaired"], "use_weighting": true}""", "aot_unpaired sorts over the batch")]
    [InlineData("ld_alpha", """{"loss_type": "sft", "ld_alpha": 0.5}""", "no effect on loss_type sft")]
    [InlineData("max_prompt_length", """{"max_length": 128, "max_prompt_length": 128}""", "max_prompt_length 128 leaves no room for an answer within max_length 128")]
    [InlineData("warmup_steps", """{"lr_scheduler_type": "constant", "warmup_steps": 10}""", "use constant_with_warmup")]
    [InlineData("eval_steps", """{"eval_steps": 10}""", "no effect without eval_strategy steps")]
    [InlineData("eval_steps", """{"eval_strategy": "epoch", "eval_steps": 10}""", "no effect without eval_strategy steps")]
    [InlineData("save_steps", """{"save_steps": 10}""", "no effect without save_strategy steps")]
    public void CombinationWithoutMeaning_IsRefused(string field, string given, string reason)
    {
        RecipeProblem problem = Refuse(given);
        Assert.Equal("method.dpo.hyperparameters." + field, problem.Param);
        Assert.Contains(reason, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"loss_type": ["sigmoid", "bco_pair", "sft"], "loss_weights": [0.8, 0.2, 1]}""")]
    [InlineData("""{"loss_type": ["sigmoid", "sft"], "loss_weights": [0, 1]}""")]
    [InlineData("""{"loss_type": "exo_pair", "label_smoothing": 0.001}""")]
    [InlineData("""{"loss_type": ["ipo", "sigmoid"], "label_smoothing": 0.1}""")]
    [InlineData("""{"loss_type": "hinge", "f_divergence_type": "alpha_divergence", "f_alpha_divergence_coef": 1}""")]
    [InlineData("""{"loss_type": ["sigmoid", "discopop"], "discopop_tau": 0.1}""")]
    [InlineData("""{"loss_type": ["ipo", "sft"], "use_weighting": true, "ld_alpha": 0.5}""")]
    [InlineData("""{"max_length": 256}""")]
    [InlineData("""{"max_length": null, "max_prompt_length": 4096}""")]
    [InlineData("""{"max_length": 129, "max_prompt_length": 128}""")]
    [InlineData("""{"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 0.1}""")]
    [InlineData("""{"eval_strategy": "steps", "eval_steps": 5, "save_strategy": "steps", "save_steps": 5}""")]
    public void CombinationWithMeaning_IsAccepted(string given) => Accept(given);

    [Theory]
    [InlineData("sigmoid")]
    [InlineData("exo_pair")]
    [InlineData("robust")]
    [InlineData("aot")]
    [InlineData("aot_unpaired")]
    public void LabelSmoothing_GoesWithLossesThatModelFlippedLabels(string loss) =>
        Accept($$"""{"loss_type": "{{loss}}", "label_smoothing": 0.1}""");

    [Fact]
    public void OtherDivergences_GoWithTheLossesOfScores()
    {
        string[] taking = ["sigmoid", "sigmoid_norm", "hinge", "ipo", "exo_pair", "robust", "discopop", "sft"];
        foreach (string loss in WireNames.All<LossType>())
        {
            string smoothing = loss == "exo_pair" ? ", \"label_smoothing\": 0.1" : "";
            IReadOnlyList<RecipeProblem> problems = Read($$"""{"loss_type": "{{loss}}", "f_divergence_type": "forward_kl"{{smoothing}}}""").Problems;
            Assert.Equal(taking.Contains(loss), problems.Count == 0);
        }
    }

    [Fact]
    public void CombinationProblems_AreToldTogether() => Assert.Equal(
        ["method.dpo.hyperparameters.warmup_steps", "method.dpo.hyperparameters.save_steps"],
        Read("""{"save_steps": 10, "lr_scheduler_type": "constant", "warmup_steps": 5}""").Problems.Select(p => p.Param));
}
