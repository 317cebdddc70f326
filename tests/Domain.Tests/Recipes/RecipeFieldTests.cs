using TrainingService.Domain.Recipes;
using static TrainingService.Domain.Tests.Recipes.Requests;

namespace TrainingService.Domain.Tests.Recipes;

/// <summary>Each field takes the values at the edges of its range and refuses their neighbours outside.</summary>
public sealed class RecipeFieldTests
{
    private const string Most32 = "2147483647", Beyond32 = "2147483648";

    // Settings that need another setting beside them to have an effect.
    private static readonly Dictionary<string, string> s_companions = new()
    {
        ["f_alpha_divergence_coef"] = "\"f_divergence_type\": \"alpha_divergence\"",
        ["discopop_tau"] = "\"loss_type\": \"discopop\"",
        ["eval_steps"] = "\"eval_strategy\": \"steps\"",
        ["save_steps"] = "\"save_strategy\": \"steps\"",
        ["label_smoothing"] = "\"loss_type\": \"robust\"",
        ["max_prompt_length"] = "\"max_length\": null",
        ["lr_scheduler_kwargs"] = "\"lr_scheduler_type\": \"polynomial\"",
        ["metric_for_best_model"] = "\"load_best_model_at_end\": true",
        ["greater_is_better"] = "\"load_best_model_at_end\": true",
        ["early_stopping_threshold"] = "\"early_stopping_patience\": 2",
    };

    private static readonly (string Field, string Allowed, string[] Accepted, string[] Refused)[] s_ranges =
    [
        ("beta", "a number above 0, at most 2", ["5e-324", "2", "2.0"], ["0", "-0.1", "2.0000001"]),
        ("batch_size", "a whole number from 1 to 256", ["1", "256", "3.0"], ["0", "257", "2.5"]),
        ("n_epochs", "a whole number from 1 to 50", ["1", "50", "3e0"], ["0", "51", "1.5"]),
        ("learning_rate_multiplier", "a number above 0, at most 20000", ["1e-300", "20000"], ["0", "-1", "20001", "5e-324"]),
        ("learning_rate", "a number above 0, at most 1", ["5e-324", "1"], ["0", "1.0000001"]),
        ("gradient_accumulation_steps", "a whole number from 1 to 65536", ["1", "65536"], ["0", "65537"]),
        ("max_steps", "a whole number of at least 1, or null", ["1", Most32, "null"], ["0", "-1", Beyond32]),
        ("max_length", "a whole number from 2 to 1048576, or null", ["2", "1048576", "null"], ["1", "1048577"]),
        ("max_prompt_length", "a whole number from 1 to 1048576, or null", ["1", "1048576", "null"], ["0", "1048577"]),
        ("loss_type", "one of sigmoid, hinge, ipo, exo_pair, nca_pair, robust, bco_pair, sppo_hard, aot, aot_unpaired, apo_zero, apo_down, discopop, sft, sigmoid_norm, or a list of them",
            ["\"ipo\"", "[\"sigmoid\", \"sft\"]", "[\"hinge\"]"], ["\"Sigmoid\"", "[]", "[\"sft\", \"sft\"]", "[\"sigmoid\", \"kto\"]", "[\"sigmoid\", 1]", "\"\""]),
        ("loss_weights", "a list of numbers of at least 0, one a loss, or null", ["[1e-9]", "[2]", "null"], ["[-0.1]", "[]", "[\"1\"]", "1", "[null]", "[1e999]"]),
        ("label_smoothing", "a number from 0 to below 0.5", ["0", "0.4999999"], ["-0.0001", "0.5"]),
        ("f_divergence_type", "one of reverse_kl, forward_kl, js_divergence, alpha_divergence", ["\"forward_kl\""], ["\"kl\"", "1", "[]"]),
        ("f_alpha_divergence_coef", "a number above 0, at most 10", ["5e-324", "10"], ["0", "10.000001"]),
        ("use_weighting", "true or false", ["true", "false"], ["1", "\"true\""]),
        ("ld_alpha", "a number from 0 to 1, or null", ["0", "1", "null"], ["-0.001", "1.001"]),
        ("discopop_tau", "a number above 0", ["5e-324", "1e300"], ["0", "-1"]),
        ("optim", "one of adamw_torch, sgd, lion_32bit, adafactor", ["\"adamw_torch\"", "\"sgd\"", "\"lion_32bit\"", "\"adafactor\""], ["\"adamw\"", "\"lion\""]),
        ("lr_scheduler_type", "one of linear, cosine, cosine_with_restarts, polynomial, constant, constant_with_warmup, inverse_sqrt",
            ["\"cosine\"", "\"cosine_with_restarts\"", "\"polynomial\"", "\"constant_with_warmup\"", "\"inverse_sqrt\""], ["\"reduce_lr_on_plateau\""]),
        ("lr_scheduler_kwargs", "an object of num_cycles, power, lr_end or timescale", ["{}", "{\"power\": 2.0, \"lr_end\": 0}"], ["[]", "{\"power\": 0}", "{\"num_cycles\": \"1\"}", "{\"cycles\": 1}", "{\"timescale\": 1.5}"]),
        ("warmup_steps", "0, a share of all steps below 1, or a whole number of steps", ["0", "0.9999", "1", "250"], ["-1", "1.5"]),
        ("weight_decay", "a number from 0 to 1", ["0", "1"], ["-0.01", "1.01"]),
        ("adam_beta1", "a number from 0 to below 1", ["0", "0.999999"], ["-0.1", "1"]),
        ("adam_beta2", "a number from 0 to below 1", ["0", "0.999999"], ["-0.1", "1"]),
        ("adam_epsilon", "a number above 0", ["5e-324", "1"], ["0", "-1e-8"]),
        ("max_grad_norm", "a number of at least 0", ["0", "1e6"], ["-0.1"]),
        ("neftune_noise_alpha", "a number above 0, or null", ["5e-324", "15", "null"], ["0", "-5"]),
        ("validation_split", "a number above 0 and below 1, or null", ["null"], ["0", "1", "-0.1"]),
        ("logging_steps", "a whole number of at least 1", ["1", Most32], ["0", Beyond32]),
        ("eval_strategy", "one of no, steps, epoch", ["\"no\"", "\"steps\"", "\"epoch\""], ["\"epochs\"", "false"]),
        ("eval_steps", "a whole number of at least 1, or null", ["1", Most32, "null"], ["0", Beyond32]),
        ("save_strategy", "one of no, steps, epoch", ["\"no\"", "\"steps\"", "\"epoch\""], ["\"best\""]),
        ("save_steps", "a whole number of at least 1", ["1", Most32], ["0", Beyond32]),
        ("save_total_limit", "a whole number of at least 1, or null", ["1", Most32, "null"], ["0"]),
        ("load_best_model_at_end", "true or false", ["true", "false"], ["1"]),
        ("metric_for_best_model", "the name of an evaluation metric such as loss or rewards/accuracies", ["\"loss\"", "\"eval_rewards/margins\""], ["\"\"", "\"eval_\"", "[]"]),
        ("greater_is_better", "true, false or null", ["true", "false", "null"], ["\"yes\"", "1"]),
        ("early_stopping_patience", "a whole number of at least 1, or null", ["1", Most32, "null"], ["0", "1.5"]),
        ("early_stopping_threshold", "a number of at least 0", ["0", "0.01"], ["-0.01"]),
        ("train_sampling_strategy", "one of random, sequential", ["\"random\"", "\"sequential\""], ["\"group_by_length\""]),
        ("dtype", "one of float32, bfloat16", ["\"float32\"", "\"bfloat16\""], ["\"float16\"", "32"]),
        ("load_in_4bit", "true or false", ["true", "false"], ["4"]),
        ("reference", "one of initial, base", ["\"initial\"", "\"base\""], ["\"none\""]),
        ("r", "a whole number from 1 to 1024", ["1", "1024", "8.0"], ["0", "1025", "8.5"]),
        ("lora_alpha", "a number above 0", ["0.5", "1e6"], ["0", "-16"]),
        ("lora_dropout", "a number from 0 to below 1", ["0", "0.999"], ["-0.1", "1"]),
        ("target_modules", "\"all-linear\", a list of at most 1024 layer names such as [\"q_proj\", \"v_proj\"], or a regular expression of whole module paths such as \".*q_proj\"",
            ["\"all-linear\"", "[\"all-linear\"]", "[\"o_proj\"]", "\".*[qk]_proj\""], ["[]", "\"\"", "\"(\"", "[\"\"]", "[1]", "{}", "[\"all-linear\", \"q_proj\"]"]),
        ("modules_to_save", "a list of the embedding's and the head's names, such as [\"embed_tokens\", \"lm_head\"], or null", ["[\"lm_head\"]", "[]", "null"], ["\"lm_head\"", "[1]", "true"]),
        ("use_dora", "true or false", ["true", "false"], ["1"]),
        ("init_lora_weights", "true, \"gaussian\", \"pissa\" or \"pissa_niter_N\" with N iterations from 1 to 100",
            ["true", "\"gaussian\"", "\"pissa\"", "\"pissa_niter_16\""], ["false", "\"olora\"", "\"pissa_niter_0\"", "\"pissa_niter_101\"", "\"pissa_niter_\"", "\"pissa_niter_4x\""]),
        ("use_rslora", "true or false", ["true", "false"], ["0"]),
        ("layers_to_transform", "a list of at most 1024 layer indices from 0, or null", ["[0]", "[3, 1, 1]", "5", "null", "[2.0]"], ["[-1]", "[]", "[0.5]", "\"0\"", "[null]", "-1"]),
        ("rank_pattern", "an object of at most 1024 layer names, each with a rank from 1 to 1024", ["{}", "{\"q_proj\": 1, \"v_proj\": 1024}", "{\"q_proj\": 4.0}"], ["{\"q_proj\": 0}", "{\"q_proj\": 1025}", "{\"q_proj\": 1.5}", "[]", "{\"q_proj\": \"4\"}", "{\"(\": 4}"]),
        ("alpha_pattern", "an object of at most 1024 layer names, each with a number above 0", ["{}", "{\"q_proj\": 0.5}"], ["{\"q_proj\": 0}", "{\"q_proj\": 1e999}", "{\"q_proj\": null}"]),
    ];

    public static TheoryData<string, string> AcceptedValues => [.. from range in s_ranges from value in range.Accepted select (range.Field, value)];

    public static TheoryData<string, string, string> RefusedValues => [.. from range in s_ranges from value in range.Refused select (range.Field, value, range.Allowed)];

    public static TheoryData<string, string, string> MisfitValues =>
        [.. from range in s_ranges from value in new[] { "NaN", "Infinity", "1e999", "-1e999" }
            let json = value is "NaN" or "Infinity" ? $"\"{value}\"" : value
            where range.Field is not ("target_modules" or "metric_for_best_model") || !json.StartsWith('"') // any text may name a layer or a metric
            select (range.Field, json, range.Allowed)];

    [Fact]
    public void Ranges_CoverEveryField() =>
        Assert.Equal(RecipeFields.Hyperparameters(TrainingMethod.Dpo).Concat(RecipeFields.Lora).Select(f => f.Name), s_ranges.Select(r => r.Field));

    [Theory]
    [MemberData(nameof(AcceptedValues))]
    public void ValueWithinRange_IsAccepted(string field, string value)
    {
        (string? hyperparameters, string? lora) = With(field, value);
        if (s_companions.TryGetValue(field, out string? companion)) hyperparameters = $"{hyperparameters![..^1]}, {companion}}}";
        Accept(hyperparameters, lora);
    }

    [Theory]
    [MemberData(nameof(RefusedValues))]
    [MemberData(nameof(MisfitValues))]
    public void ValueOutsideRange_IsRefusedWithNameValueAndRange(string field, string value, string allowed)
    {
        (string? hyperparameters, string? lora) = With(field, value);
        RecipeProblem problem = Refuse(hyperparameters, lora);

        Assert.Equal($"{(lora is null ? "method.dpo.hyperparameters" : "method.dpo.lora")}.{field}", problem.Param);
        Assert.Equal($"{field} is {value}; it must be {allowed}, or \"auto\".", problem.Message);
    }

    [Fact]
    public void WholeNumberWrittenAsDouble_IsThatNumber()
    {
        TrainingRecipe recipe = Accept("""{"n_epochs": 3.0, "batch_size": 4.00, "max_steps": 1e2}""", """{"r": 16.0, "rank_pattern": {"q_proj": 4.0}}""");
        Assert.Equal((3, 4, 100, 16, 4), (recipe.Epochs, recipe.BatchSize, recipe.MaxSteps, recipe.Lora.Rank, recipe.Lora.RankPattern["q_proj"]));
    }

    [Fact]
    public void Multiplier_MultipliesTheRecipesLearningRate()
    {
        Assert.Equal(1e-4, Accept("""{"learning_rate_multiplier": 2}""").LearningRate);
        Assert.Equal(3e-6, Accept("""{"learning_rate": 3e-6}""").LearningRate);
    }

    [Theory]
    [InlineData("""{"learning_rate": 1e-5, "learning_rate_multiplier": 2}""")]
    [InlineData("""{"learning_rate_multiplier": 2, "learning_rate": 1e-5}""")]
    public void LearningRateAndMultiplier_AreRefusedTogether(string given)
    {
        RecipeProblem problem = Refuse(given);
        Assert.Equal("method.dpo.hyperparameters.learning_rate_multiplier", problem.Param);
        Assert.Contains("not both", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"learning_rate": 1e-5, "learning_rate_multiplier": "auto"}""", 1e-5)]
    [InlineData("""{"learning_rate_multiplier": 2, "learning_rate": "auto"}""", 1e-4)]
    [InlineData("""{"learning_rate_multiplier": 2, "learning_rate": null}""", 1e-4)]
    public void LearningRateBesideAutoMultiplier_IsTheOneGiven(string given, double expected) => Assert.Equal(expected, Accept(given).LearningRate);

    [Fact]
    public void LayersToTransform_AreSortedWithoutRepetition() => Assert.Equal([1, 3], Accept(null, """{"layers_to_transform": [3, 1, 3]}""").Lora.LayersToTransform);
}
