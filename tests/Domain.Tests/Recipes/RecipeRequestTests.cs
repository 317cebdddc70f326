using System.Text.Json;
using TrainingService.Domain.Recipes;
using static TrainingService.Domain.Tests.Recipes.Requests;

namespace TrainingService.Domain.Tests.Recipes;

/// <summary>What a request may not hold, and how it is told.</summary>
public sealed class RecipeRequestTests
{
    private static readonly string[] s_hyperparameters =
    [
        "beta", "batch_size", "n_epochs", "learning_rate_multiplier", "learning_rate", "gradient_accumulation_steps", "max_steps", "max_length",
        "max_prompt_length", "loss_type", "loss_weights", "label_smoothing", "f_divergence_type", "f_alpha_divergence_coef", "use_weighting",
        "ld_alpha", "discopop_tau", "optim", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon",
        "max_grad_norm", "neftune_noise_alpha", "validation_split", "logging_steps", "eval_strategy", "eval_steps", "save_strategy", "save_steps",
        "save_total_limit", "load_best_model_at_end", "metric_for_best_model", "greater_is_better", "early_stopping_patience", "early_stopping_threshold",
        "train_sampling_strategy", "dtype", "load_in_4bit", "reference",
    ];

    private static readonly string[] s_lora =
        ["r", "lora_alpha", "lora_dropout", "target_modules", "modules_to_save", "use_dora", "init_lora_weights", "use_rslora", "layers_to_transform", "rank_pattern", "alpha_pattern"];

    [Fact]
    public void PublishedSettings_AreAllKnown()
    {
        Assert.Equal(s_hyperparameters, RecipeFields.Hyperparameters(TrainingMethod.Dpo).Select(f => f.Name));
        Assert.Equal(s_lora, RecipeFields.Lora.Select(f => f.Name));
    }

    [Theory]
    [InlineData("bias", "\"all\"", "Biases are not trained; leave bias out or set it to \"none\".")]
    [InlineData("lora_bias", "true", "The adapter has no biases; leave lora_bias out or set it to false.")]
    public void PeftSettingThatCannotBeHonoured_IsRefusedWithItsReason(string field, string value, string message) =>
        Assert.Equal(new($"method.dpo.lora.{field}", message), Refuse(null, $$"""{"{{field}}": {{value}}}"""));

    [Theory]
    [InlineData("use_dora", "false")]
    [InlineData("use_dora", "\"auto\"")]
    [InlineData("modules_to_save", "null")]
    [InlineData("modules_to_save", "[]")]
    [InlineData("init_lora_weights", "true")]
    [InlineData("bias", "\"none\"")]
    [InlineData("lora_bias", "false")]
    public void PeftSettingAtItsDefault_IsAccepted(string field, string value) =>
        Assert.Equal(Members(Accept(null)), Members(Accept(null, $$"""{"{{field}}": {{value}}}""")));

    [Theory]
    [InlineData("betta", "beta")]
    [InlineData("batchsize", "batch_size")]
    [InlineData("learningrate", "learning_rate")]
    [InlineData("num_train_epochs", "n_epochs")]
    [InlineData("lr_scheduler", "lr_scheduler_type")]
    [InlineData("Beta", "beta")]
    public void UnknownHyperparameter_NamesTheNearest(string given, string nearest)
    {
        RecipeProblem problem = Refuse($$"""{"{{given}}": 1}""");
        Assert.Equal(new($"method.dpo.hyperparameters.{given}", $"method.dpo.hyperparameters has no setting '{given}'. Did you mean '{nearest}'?"), problem);
    }

    [Theory]
    [InlineData("rank", "r")]
    [InlineData("lora_alfa", "lora_alpha")]
    [InlineData("target_module", "target_modules")]
    public void UnknownLoraSetting_NamesTheNearestOrAll(string given, string named) =>
        Assert.Contains(named, Refuse(null, $$"""{"{{given}}": 1}""").Message, StringComparison.Ordinal);

    [Fact]
    public void NameNearToNothing_ListsAllSettings()
    {
        string message = Refuse(null, """{"xyzzy": 1}""").Message;
        Assert.Contains(string.Join(", ", s_lora), message, StringComparison.Ordinal);
    }

    [Fact]
    public void SettingOfAnotherMethod_NamesThatMethod()
    {
        Assert.Contains("It is a setting of method kto.", Refuse("""{"desirable_weight": 2}""").Message, StringComparison.Ordinal);
        Assert.Contains("It is a setting of method dpo, kto, orpo, cpo.", Refuse("""{"beta": 0.1}""", method: TrainingMethod.Supervised).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SettingInTheWrongObject_IsSentToItsOwn()
    {
        Assert.Contains("It belongs in method.dpo.lora.", Refuse("""{"lora_alpha": 16}""").Message, StringComparison.Ordinal);
        Assert.Contains("It belongs in method.dpo.lora.", Refuse("""{"use_dora": true}""").Message, StringComparison.Ordinal);
        Assert.Contains("It belongs in method.dpo.hyperparameters.", Refuse(null, """{"beta": 0.1}""").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RegularExpression_SaysItsLayersByItself()
    {
        LoraRecipe lora = Accept(null, """{"target_modules": ".*\\.[01]\\.self_attn\\.q_proj"}""").Lora;
        Assert.True(lora.Targets("model.layers.1.self_attn.q_proj"));
        Assert.False(lora.Targets("model.layers.2.self_attn.q_proj"));
        Assert.Equal("method.dpo.lora.layers_to_transform", Refuse(null, """{"target_modules": ".*q_proj", "layers_to_transform": [0]}""").Param);
    }

    [Fact]
    public void AllProblems_AreToldAtOnce()
    {
        IReadOnlyList<RecipeProblem> problems = Read(
            """{"beta": 3, "n_epochs": 0, "betaa": 1, "learning_rate": 1e-5, "learning_rate_multiplier": 2}""",
            """{"r": 0, "lora_bias": true}""").Problems;
        Assert.Equal(
            [
                "method.dpo.hyperparameters.beta", "method.dpo.hyperparameters.n_epochs", "method.dpo.hyperparameters.betaa",
                "method.dpo.lora.r", "method.dpo.lora.lora_bias", "method.dpo.hyperparameters.learning_rate_multiplier",
            ],
            problems.Select(p => p.Param));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("5")]
    [InlineData("\"auto\"")]
    [InlineData("true")]
    public void ObjectOfAnotherType_IsRefused(string given)
    {
        Assert.Equal(new("method.dpo.hyperparameters", $"method.dpo.hyperparameters is {given}; it must be an object of settings."), Refuse(given));
        Assert.Equal(new("method.dpo.lora", $"method.dpo.lora is {given}; it must be an object of settings."), Refuse(null, given));
    }

    [Fact]
    public void ValueOfAnyShape_IsAcceptedOrRefusedButNeverThrows()
    {
        string deep = new string('[', 60) + new string(']', 60);
        string[] values = ["null", "true", "0", "-0.0", "1e308", "1e999", "12345678901234567890123", "\"\"", "\"auto \"", "[]", "[[1]]", "{}", "{\"\":{}}", "[null, {}]", "\"\\u0000\"", deep];
        foreach (string field in s_hyperparameters.Concat(s_lora))
            foreach (string value in values)
            {
                (string? hyperparameters, string? lora) = With(field, value);
                (TrainingRecipe recipe, IReadOnlyList<RecipeProblem> problems) = Read(hyperparameters, lora);
                Assert.All(problems, p => Assert.NotEmpty(p.Message));
                RecipeJson.Write(recipe).ToJsonString();
            }
    }

    [Fact]
    public void LongValue_IsShownShortenedAndWithoutHalfACharacter()
    {
        // The 80th UTF-16 unit is the first half of 😀.
        string value = "\"" + new string('x', 78) + "😀😀\"";
        string message = Refuse($$"""{"dtype": {{value}}}""").Message;
        Assert.StartsWith("dtype is \"" + new string('x', 78) + "…; it must be", message, StringComparison.Ordinal);
    }

    [Fact]
    public void NameOfAMegabyte_IsRefusedInAShortMessage()
    {
        string message = Refuse($$"""{"{{new string('b', 1 << 20)}}": 1}""").Message;
        Assert.InRange(message.Length, 100, 1000);
    }

    [Fact]
    public void Seed_IsTheJobs() => Assert.Equal(7, RecipeJson.Read(TrainingMethod.Dpo, null, null, null, 7, hasValidationFile: false).Recipe.Seed);

    [Fact]
    public void StoredRecipeOutOfRange_IsNamed()
    {
        JsonElement stored = JsonElement.Parse("""{"hyperparameters": {"beta": 9}, "lora": {}}""");
        Assert.Equal("The stored recipe's beta is 9; allowed is a number above 0, at most 2.",
            Assert.Throws<InvalidOperationException>(() => RecipeJson.ReadResolved(stored, 42)).Message);
    }
}
