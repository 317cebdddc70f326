using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Domain.Recipes;
using TrainingService.Tests;
using TrainingService.Worker.Results;

namespace TrainingService.Worker.Tests.Results;

public sealed class TrainingArgumentsTests
{
    public static TheoryData<TrainingMethod> Methods => [.. Enum.GetValues<TrainingMethod>()];

    [Theory, MemberData(nameof(Methods))]
    public void Settings_CarryTransformersNames(TrainingMethod method)
    {
        var recipe = new TrainingRecipe { Method = method, BatchSize = 3, Epochs = 2, Seed = 5, MaxLength = null, EvalStrategy = IntervalStrategy.No, ComputeType = ComputeType.Float32 };
        JsonObject written = TrainingArguments.Of(recipe, "base");
        JsonObject args = written["args"]!.AsObject();
        Assert.Equal((3, 3, 2, -1, 5, false), ((int)args["per_device_train_batch_size"]!, (int)args["per_device_eval_batch_size"]!, (int)args["num_train_epochs"]!, (int)args["max_steps"]!, (int)args["seed"]!, (bool)args["bf16"]!));
        Assert.True(args.ContainsKey("max_length") && args["max_length"] is null);
        string[] ours = ["batch_size", "n_epochs", "learning_rate_multiplier", "max_prompt_length", "dtype", "reference", "validation_split", "early_stopping_patience"];
        Assert.Empty(args.Select(a => a.Key).Intersect(ours));
        Assert.All(args.Where(a => a.Key != "max_length"), a => Assert.NotNull(a.Value));
        Assert.Equal(8, (int)written["peft_config"]!["r"]!);
        Assert.Equal("CAUSAL_LM", (string)written["peft_config"]!["task_type"]!);
    }

    [Theory]
    [InlineData(TrainingMethod.Dpo, "DPOTrainer", "DPOConfig")]
    [InlineData(TrainingMethod.Supervised, "SFTTrainer", "SFTConfig")]
    [InlineData(TrainingMethod.Kto, "KTOTrainer", "KTOConfig")]
    [InlineData(TrainingMethod.Orpo, "ORPOTrainer", "ORPOConfig")]
    [InlineData(TrainingMethod.Cpo, "CPOTrainer", "CPOConfig")]
    public void Method_NamesItsTrainer(TrainingMethod method, string trainer, string config)
    {
        JsonObject written = TrainingArguments.Of(new() { Method = method }, "base");
        Assert.Equal((trainer, config), ((string)written["trainer"]!, (string)written["config"]!));
    }

    /// <summary>TRL took these names: its own runs were made with them.</summary>
    [Theory]
    [InlineData("loss_mixed"), InlineData("cosine_warmup"), InlineData("evaluation"), InlineData("kto_weighted"), InlineData("simpo"), InlineData("f_alpha_divergence"), InlineData("wpo")]
    public void ArgumentsOfAGoldenRun_AreNamesThatWeWrite(string name)
    {
        using JsonDocument run = JsonDocument.Parse(File.ReadAllBytes(RepositoryRoot.PathOf("tests", "golden", "training", name, "run.json")));
        TrainingMethod method = run.RootElement.TryGetProperty("trainer", out JsonElement trainer)
            ? Enum.GetValues<TrainingMethod>().Single(m => (string)TrainingArguments.Of(new() { Method = m }, "base")["trainer"]! == trainer.GetString()) : TrainingMethod.Dpo;
        // Every optional setting is given, as absence is how null is written.
        JsonObject args = TrainingArguments.Of(new() { Method = method, LossWeights = [1], LdAlpha = 0.5, EvalStrategy = IntervalStrategy.Steps, EvalSteps = 1 }, "base")["args"]!.AsObject();
        Assert.Empty(run.RootElement.GetProperty("arguments").EnumerateObject().Select(a => a.Name).Except(args.Select(a => a.Key)));
    }
}
