using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Domain.Recipes;
using static TrainingService.Domain.Tests.Recipes.Requests;

namespace TrainingService.Domain.Tests.Recipes;

/// <summary>What a job gets that sets nothing: the recipe's, TRL's and PEFT's defaults.</summary>
public sealed class RecipeDefaultsTests
{
    private const string Hyperparameters = """
        {
          "beta": 0.1, "batch_size": 2, "n_epochs": 3, "learning_rate_multiplier": 1, "learning_rate": 5e-5,
          "gradient_accumulation_steps": 1, "max_steps": null, "max_length": 1024, "max_prompt_length": 512,
          "loss_type": "sigmoid", "loss_weights": null, "label_smoothing": 0,
          "f_divergence_type": "reverse_kl", "f_alpha_divergence_coef": 0.5, "use_weighting": false, "ld_alpha": null, "discopop_tau": 0.05,
          "optim": "adamw_torch", "lr_scheduler_type": "linear", "lr_scheduler_kwargs": {}, "warmup_steps": 0, "weight_decay": 0,
          "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8, "max_grad_norm": 1.0, "neftune_noise_alpha": null, "validation_split": null,
          "logging_steps": 10, "eval_strategy": "epoch", "eval_steps": null, "save_strategy": "epoch", "save_steps": 500,
          "save_total_limit": null, "load_best_model_at_end": false, "metric_for_best_model": "loss", "greater_is_better": null,
          "early_stopping_patience": null, "early_stopping_threshold": 0,
          "train_sampling_strategy": "random", "dtype": "bfloat16", "load_in_4bit": false, "reference": "initial"
        }
        """;

    private const string Lora = """
        {
          "r": 8, "lora_alpha": 16, "lora_dropout": 0, "target_modules": ["q_proj", "v_proj"],
          "modules_to_save": null, "use_dora": false, "init_lora_weights": true, "use_rslora": false,
          "layers_to_transform": null, "rank_pattern": {}, "alpha_pattern": {}
        }
        """;

    public static TheoryData<string> FieldNames => [.. RecipeFields.Hyperparameters(TrainingMethod.Dpo).Concat(RecipeFields.Lora).Select(f => f.Name)];

    // Here null says that there is no limit, which is not the default.
    public static TheoryData<string> FieldsWithoutNull => [.. FieldNames.Select(row => row.Data).Except(["max_length", "max_prompt_length"])];

    [Fact]
    public void EmptyRequest_TakesTheDefaults()
    {
        JsonObject written = RecipeJson.Write(Accept(null));

        AssertSame(Hyperparameters, written["hyperparameters"]!);
        AssertSame(Lora, written["lora"]!);
    }

    [Fact]
    public void Seed_Is42AsInTransformers() => Assert.Equal(42, new TrainingRecipe().Seed);

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    public void EmptyOrNullObject_IsLikeAnAbsentOne(string given) => Assert.Equal(Members(Accept(null)), Members(Accept(given, given)));

    [Theory]
    [MemberData(nameof(FieldNames))]
    public void Auto_TakesTheDefault(string field)
    {
        (string? hyperparameters, string? lora) = With(field, "\"auto\"");
        Assert.Equal(Members(Accept(null)), Members(Accept(hyperparameters, lora)));
    }

    [Theory]
    [MemberData(nameof(FieldsWithoutNull))]
    public void Null_TakesTheDefaultToo_UnlessItIsAValueOfTheField(string field)
    {
        (string? hyperparameters, string? lora) = With(field, "null");
        Assert.Equal(Members(Accept(null)), Members(Accept(hyperparameters, lora)));
    }

    [Fact]
    public void FieldNames_AreUnique() => Assert.Distinct(FieldNames.Select(row => row.Data));

    [Fact]
    public void EveryField_IsDescribed() =>
        Assert.All(RecipeFields.Hyperparameters(TrainingMethod.Dpo).Concat(RecipeFields.Lora), f => Assert.EndsWith(".", f.Description, StringComparison.Ordinal));

    private static void AssertSame(string expected, JsonNode actual)
    {
        JsonObject wanted = JsonNode.Parse(expected)!.AsObject(), found = actual.AsObject();
        Assert.Equal(wanted.Select(p => p.Key), found.Select(p => p.Key));
        Assert.All(wanted, p => Assert.True(
            JsonNode.DeepEquals(p.Value, JsonSerializer.SerializeToNode(found[p.Key])) || IsSameNumber(p.Value, found[p.Key]),
            $"{p.Key} is {found[p.Key]?.ToJsonString() ?? "null"} instead of {p.Value?.ToJsonString() ?? "null"}"));
    }

    private static bool IsSameNumber(JsonNode? a, JsonNode? b) =>
        a?.GetValueKind() == JsonValueKind.Number && b?.GetValueKind() == JsonValueKind.Number
        && JsonSerializer.Deserialize<double>(a) == JsonSerializer.Deserialize<double>(b);
}
