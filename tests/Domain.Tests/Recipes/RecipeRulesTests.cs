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
    [InlineData("save_total_limit", """{"save_strategy": "no", "save_total_limit": 2}""", "no effect with save_strategy no")]
    [InlineData("load_best_model_at_end", """{"eval_strategy": "no", "load_best_model_at_end": true}""", "needs evaluations")]
    [InlineData("early_stopping_patience", """{"eval_strategy": "no", "early_stopping_patience": 2}""", "needs evaluations")]
    [InlineData("early_stopping_threshold", """{"early_stopping_threshold": 0.1}""", "no effect without early_stopping_patience")]
    [InlineData("metric_for_best_model", """{"metric_for_best_model": "rewards/margins"}""", "no effect without load_best_model_at_end")]
    [InlineData("metric_for_best_model", """{"load_best_model_at_end": true, "metric_for_best_model": "accuracy"}""", "but an evaluation by method dpo has loss, rewards/chosen")]
    [InlineData("greater_is_better", """{"greater_is_better": true}""", "no effect without")]
    [InlineData("lr_scheduler_kwargs", """{"lr_scheduler_kwargs": {"power": 2}}""", "power has no effect on lr_scheduler_type linear; it is for polynomial.")]
    [InlineData("lr_scheduler_kwargs", """{"lr_scheduler_type": "cosine_with_restarts", "lr_scheduler_kwargs": {"num_cycles": 1.5}}""", "whole number of cycles")]
    [InlineData("lr_scheduler_kwargs", """{"lr_scheduler_type": "polynomial", "lr_scheduler_kwargs": {"lr_end": 0.1}}""", "not below learning_rate")]
    [InlineData("adam_beta1", """{"optim": "sgd", "adam_beta1": 0.5}""", "no effect on optim sgd")]
    [InlineData("adam_beta2", """{"optim": "adafactor", "adam_beta2": 0.5}""", "no effect on optim adafactor")]
    [InlineData("adam_epsilon", """{"optim": "lion_32bit", "adam_epsilon": 0.5}""", "no effect on optim lion_32bit")]
    [InlineData("batch_size", """{"batch_size": 1}""", "estimates the divergence from other rows", TrainingMethod.Kto)]
    [InlineData("desirable_weight", """{"desirable_weight": 0, "undesirable_weight": 0}""", "nothing would be trained", TrainingMethod.Kto)]
    [InlineData("metric_for_best_model", """{"load_best_model_at_end": true, "metric_for_best_model": "rewards/accuracies"}""", "an evaluation by method kto has", TrainingMethod.Kto)]
    [InlineData("simpo_gamma", """{"simpo_gamma": 1}""", "no effect on sigmoid", TrainingMethod.Cpo)]
    [InlineData("label_smoothing", """{"loss_type": "hinge", "label_smoothing": 0.1}""", "no effect on hinge", TrainingMethod.Cpo)]
    public void CombinationWithoutMeaning_IsRefused(string field, string given, string reason, TrainingMethod method = TrainingMethod.Dpo)
    {
        RecipeProblem problem = Refuse(given, method: method);
        Assert.Equal($"method.{WireNames.Of(method)}.hyperparameters.{field}", problem.Param);
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
    [InlineData("""{"load_best_model_at_end": true, "metric_for_best_model": "eval_rewards/accuracies", "early_stopping_patience": 3, "save_total_limit": 1}""")]
    [InlineData("""{"optim": "lion_32bit", "adam_beta1": 0.95, "lr_scheduler_type": "cosine", "lr_scheduler_kwargs": {"num_cycles": 1.5}}""")]
    [InlineData("""{"loss_type": "apo_zero_unpaired", "batch_size": 1, "undesirable_weight": 0}""", TrainingMethod.Kto)]
    [InlineData("""{"loss_type": "simpo", "beta": 10, "cpo_alpha": 0, "simpo_gamma": 3, "label_smoothing": 0.1}""", TrainingMethod.Cpo)]
    [InlineData("""{"beta": 0.25}""", TrainingMethod.Orpo)]
    [InlineData("""{"assistant_only_loss": false, "neftune_noise_alpha": 5, "optim": "adafactor"}""", TrainingMethod.Supervised)]
    public void CombinationWithMeaning_IsAccepted(string given, TrainingMethod method = TrainingMethod.Dpo) => Accept(given, method: method);

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

    [Fact]
    public void ValidationSplitBesideAValidationFile_IsRefused()
    {
        RecipeProblem problem = Refuse("""{"validation_split": 0.1}""");
        Assert.Equal("validation_split splits off training rows, but there is a validation_file; give one of them.", problem.Message);
    }

    [Fact]
    public void ValidationSplit_EvaluatesEachEpoch()
    {
        (TrainingRecipe recipe, IReadOnlyList<RecipeProblem> problems) = RecipeJson.Read(
            TrainingMethod.Dpo, System.Text.Json.JsonElement.Parse("""{"validation_split": 0.1}"""), null, null, 42, hasValidationFile: false);
        Assert.Empty(problems);
        Assert.Equal((0.1, IntervalStrategy.Epoch), (recipe.ValidationSplit, recipe.EvalStrategy));
    }
}
