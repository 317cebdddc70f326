using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrainingService.Domain.Recipes;

/// <summary>
/// Every setting of a DPO job in one table: what <c>method.dpo.hyperparameters</c> and <c>method.dpo.lora</c> may hold.
/// Reading a request, writing a job's record and the documentation all walk this table.
/// </summary>
public static class RecipeFields
{
    private const int Unbounded = int.MaxValue;

    /// <summary>Fields of <c>method.dpo.hyperparameters</c>, OpenAI's own four first.</summary>
    public static IReadOnlyList<RecipeField> Hyperparameters { get; } =
    [
        Number("beta", "a number above 0, at most 2", "Strength of the pull towards the reference.",
            v => v is > 0 and <= 2, (r, v) => r with { Beta = v }, r => r.Beta),
        Integer("batch_size", 1, 256, "Pairs a micro-batch (TRL's per_device_train_batch_size).",
            (r, v) => r with { BatchSize = v }, r => r.BatchSize),
        Integer("n_epochs", 1, 50, "Passes over the training file (TRL's num_train_epochs).",
            (r, v) => r with { Epochs = v }, r => r.Epochs),
        Number("learning_rate_multiplier", "a number above 0, at most 20000", "Times the recipe's learning rate of 5e-5; give this or learning_rate.",
            v => TrainingRecipe.DefaultLearningRate * v is > 0 and <= 1, (r, v) => r with { LearningRate = TrainingRecipe.DefaultLearningRate * v }, r => r.LearningRate / TrainingRecipe.DefaultLearningRate),
        Number("learning_rate", "a number above 0, at most 1", "Peak learning rate.",
            v => v is > 0 and <= 1, (r, v) => r with { LearningRate = v }, r => r.LearningRate),
        Integer("gradient_accumulation_steps", 1, 65536, "Micro-batches an optimiser step.",
            (r, v) => r with { GradientAccumulationSteps = v }, r => r.GradientAccumulationSteps),
        OptionalInteger("max_steps", 1, Unbounded, "Optimiser steps in all; overrides n_epochs.",
            (r, v) => r with { MaxSteps = v }, r => r.MaxSteps),
        OptionalInteger("max_length", 2, 1 << 20, "Most tokens of prompt and completion together; longer rows lose their end. null sets no limit.",
            (r, v) => r with { MaxLength = v }, r => r.MaxLength),
        OptionalInteger("max_prompt_length", 1, 1 << 20, "Most tokens of a prompt; longer prompts keep their end. null sets no limit.",
            (r, v) => r with { MaxPromptLength = v }, r => r.MaxPromptLength),
        Losses("loss_type", "The preference loss, or a list of losses to sum."),
        Weights("loss_weights", "One weight a loss; null weighs each by 1."),
        Number("label_smoothing", "a number from 0 to below 0.5", "Assumed share of flipped labels.",
            v => v is >= 0 and < 0.5, (r, v) => r with { LabelSmoothing = v }, r => r.LabelSmoothing),
        Name<FDivergenceType>("f_divergence_type", "Divergence that turns log-ratios into scores.",
            (r, v) => r with { FDivergenceType = v }, r => r.FDivergenceType),
        Number("f_alpha_divergence_coef", "a number above 0, at most 10", "α of alpha_divergence; 1 is reverse_kl.",
            v => v is > 0 and <= 10, (r, v) => r with { FAlphaDivergenceCoefficient = v }, r => r.FAlphaDivergenceCoefficient),
        Flag("use_weighting", "Weigh each pair by the policy's own probability of it (WPO).",
            (r, v) => r with { UseWeighting = v }, r => r.UseWeighting),
        OptionalNumber("ld_alpha", "a number from 0 to 1, or null", "Weight of the tokens beyond the shorter completion (LD-DPO).",
            v => v is >= 0 and <= 1, (r, v) => r with { LdAlpha = v }, r => r.LdAlpha),
        Number("discopop_tau", "a number above 0", "Temperature of the discopop loss.",
            v => v > 0, (r, v) => r with { DiscopopTau = v }, r => r.DiscopopTau),
        Name<LearningRateSchedule>("lr_scheduler_type", "Shape of the learning rate over the steps.",
            (r, v) => r with { LearningRateSchedule = v }, r => r.LearningRateSchedule),
        Number("warmup_steps", "0, a share of all steps below 1, or a whole number of steps", "Steps of linear warm-up.",
            v => v >= 0 && (v < 1 || v == Math.Floor(v)), (r, v) => r with { WarmupSteps = v }, r => r.WarmupSteps),
        Number("weight_decay", "a number from 0 to 1", "AdamW's decoupled weight decay.",
            v => v is >= 0 and <= 1, (r, v) => r with { WeightDecay = v }, r => r.WeightDecay),
        Number("adam_beta1", "a number from 0 to below 1", "AdamW's decay of the gradient's mean.",
            v => v is >= 0 and < 1, (r, v) => r with { AdamBeta1 = v }, r => r.AdamBeta1),
        Number("adam_beta2", "a number from 0 to below 1", "AdamW's decay of the squared gradient's mean.",
            v => v is >= 0 and < 1, (r, v) => r with { AdamBeta2 = v }, r => r.AdamBeta2),
        Number("adam_epsilon", "a number above 0", "AdamW's ε.",
            v => v > 0, (r, v) => r with { AdamEpsilon = v }, r => r.AdamEpsilon),
        Number("max_grad_norm", "a number of at least 0", "Gradients are scaled down to this global norm; 0 never clips.",
            v => v >= 0, (r, v) => r with { MaxGradNorm = v }, r => r.MaxGradNorm),
        Integer("logging_steps", 1, Unbounded, "Optimiser steps a log.",
            (r, v) => r with { LoggingSteps = v }, r => r.LoggingSteps),
        Name<IntervalStrategy>("eval_strategy", "When the validation file is evaluated; each epoch by default when there is one.",
            (r, v) => r with { EvalStrategy = v }, r => r.EvalStrategy),
        OptionalInteger("eval_steps", 1, Unbounded, "Steps between evaluations with eval_strategy steps; null takes logging_steps.",
            (r, v) => r with { EvalSteps = v }, r => r.EvalSteps),
        Name<IntervalStrategy>("save_strategy", "When a checkpoint is kept.",
            (r, v) => r with { SaveStrategy = v }, r => r.SaveStrategy),
        Integer("save_steps", 1, Unbounded, "Steps between checkpoints with save_strategy steps.",
            (r, v) => r with { SaveSteps = v }, r => r.SaveSteps),
        Name<SamplingStrategy>("train_sampling_strategy", "random shuffles anew each epoch by the seed; sequential keeps the file's order.",
            (r, v) => r with { SamplingStrategy = v }, r => r.SamplingStrategy),
        Name<ComputeType>("dtype", "Type of frozen weights and arithmetic; adapters and log-probabilities are always float32.",
            (r, v) => r with { ComputeType = v }, r => r.ComputeType),
        Name<ReferencePolicy>("reference", "What the policy is compared with when training starts from an adapter.",
            (r, v) => r with { Reference = v }, r => r.Reference),
    ];

    /// <summary>Fields of <c>method.dpo.lora</c>.</summary>
    public static IReadOnlyList<RecipeField> Lora { get; } =
    [
        Integer("r", 1, 1024, "Rank of the adapter's matrices.",
            (r, v) => r with { Lora = r.Lora with { Rank = v } }, r => r.Lora.Rank),
        Number("lora_alpha", "a number above 0", "Numerator of the adapter's scaling alpha / r.",
            v => v > 0, (r, v) => r with { Lora = r.Lora with { Alpha = v } }, r => r.Lora.Alpha),
        Number("lora_dropout", "a number from 0 to below 1", "Probability that an input of the adapter is dropped in training.",
            v => v is >= 0 and < 1, (r, v) => r with { Lora = r.Lora with { Dropout = v } }, r => r.Lora.Dropout),
        new("target_modules", "\"all-linear\" or a list of layer names such as [\"q_proj\", \"v_proj\"]", "Linear layers to adapt.",
            (r, e) => ReadNames(e) is { Count: > 0 } names && (names.Count == 1 || !names.Contains("all-linear")) ? r with { Lora = r.Lora with { TargetModules = names } } : null,
            r => r.Lora.TargetModules is ["all-linear"] ? "all-linear" : new JsonArray([.. r.Lora.TargetModules.Select(n => (JsonNode)n)])),
        Flag("use_rslora", "Scale by alpha / √r instead of alpha / r.",
            (r, v) => r with { Lora = r.Lora with { UseRsLora = v } }, r => r.Lora.UseRsLora),
        new("layers_to_transform", "a list of layer indices from 0, or null", "Decoder layers to adapt; null adapts all.",
            (r, e) => e.ValueKind == JsonValueKind.Null ? r with { Lora = r.Lora with { LayersToTransform = null } }
                : ReadIndices(e) is { Count: > 0 } layers ? r with { Lora = r.Lora with { LayersToTransform = layers } } : null,
            r => r.Lora.LayersToTransform is { } layers ? new JsonArray([.. layers.Select(i => (JsonNode)i)]) : null),
        new("rank_pattern", "an object of layer name to rank from 1 to 1024", "Ranks of single layers, by name suffix.",
            (r, e) => ReadMap<int>(e, v => ReadInteger(v) is { } n and >= 1 and <= 1024 ? n : null) is { } map ? r with { Lora = r.Lora with { RankPattern = map } } : null,
            r => new JsonObject(r.Lora.RankPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value)))),
        new("alpha_pattern", "an object of layer name to a number above 0", "Alphas of single layers, by name suffix.",
            (r, e) => ReadMap<double>(e, v => ReadNumber(v) is { } n and > 0 ? n : null) is { } map ? r with { Lora = r.Lora with { AlphaPattern = map } } : null,
            r => new JsonObject(r.Lora.AlphaPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value)))),
    ];

    private static RecipeField Number(string name, string allowed, string description, Func<double, bool> isAllowed, Func<TrainingRecipe, double, TrainingRecipe> set, Func<TrainingRecipe, double> get) =>
        new(name, allowed, description, (r, e) => ReadNumber(e) is { } v && isAllowed(v) ? set(r, v) : null, r => get(r));

    private static RecipeField OptionalNumber(string name, string allowed, string description, Func<double, bool> isAllowed, Func<TrainingRecipe, double?, TrainingRecipe> set, Func<TrainingRecipe, double?> get) =>
        new(name, allowed, description,
            (r, e) => e.ValueKind == JsonValueKind.Null ? set(r, null) : ReadNumber(e) is { } v && isAllowed(v) ? set(r, v) : null,
            r => get(r));

    private static RecipeField Integer(string name, int least, int most, string description, Func<TrainingRecipe, int, TrainingRecipe> set, Func<TrainingRecipe, int> get) =>
        new(name, Range(least, most), description, (r, e) => ReadInteger(e) is { } v && v >= least && v <= most ? set(r, v) : null, r => get(r));

    private static RecipeField OptionalInteger(string name, int least, int most, string description, Func<TrainingRecipe, int?, TrainingRecipe> set, Func<TrainingRecipe, int?> get) =>
        new(name, Range(least, most) + ", or null", description,
            (r, e) => e.ValueKind == JsonValueKind.Null ? set(r, null) : ReadInteger(e) is { } v && v >= least && v <= most ? set(r, v) : null,
            r => get(r));

    private static RecipeField Flag(string name, string description, Func<TrainingRecipe, bool, TrainingRecipe> set, Func<TrainingRecipe, bool> get) =>
        new(name, "true or false", description, (r, e) => e.ValueKind is JsonValueKind.True or JsonValueKind.False ? set(r, e.GetBoolean()) : null, r => get(r));

    private static RecipeField Name<TEnum>(string name, string description, Func<TrainingRecipe, TEnum, TrainingRecipe> set, Func<TrainingRecipe, TEnum?> get) where TEnum : struct, Enum =>
        new(name, "one of " + string.Join(", ", WireNames.All<TEnum>()), description,
            (r, e) => e.ValueKind == JsonValueKind.String && WireNames.Parse<TEnum>(e.GetString()) is { } v ? set(r, v) : null,
            r => get(r) is { } v ? WireNames.Of(v) : null);

    private static RecipeField Losses(string name, string description) =>
        new(name, "one of " + string.Join(", ", WireNames.All<LossType>()) + ", or a list of them", description,
            (r, e) => ReadNames(e) is { Count: > 0 } names && names.Distinct().Count() == names.Count && names.All(n => WireNames.Parse<LossType>(n) is not null)
                ? r with { LossTypes = [.. names.Select(n => WireNames.Parse<LossType>(n)!.Value)] } : null,
            r => r.LossTypes is [var single] ? WireNames.Of(single) : new JsonArray([.. r.LossTypes.Select(l => (JsonNode)WireNames.Of(l))]));

    private static RecipeField Weights(string name, string description) =>
        new(name, "a list of numbers of at least 0, one a loss, or null", description,
            (r, e) => e.ValueKind == JsonValueKind.Null ? r with { LossWeights = null }
                : e.ValueKind == JsonValueKind.Array && e.EnumerateArray().Select(ReadNumber).ToList() is { Count: > 0 } weights && weights.All(w => w >= 0)
                    ? r with { LossWeights = [.. weights.Select(w => w!.Value)] } : null,
            r => r.LossWeights is { } weights ? new JsonArray([.. weights.Select(w => (JsonNode)w)]) : null);

    private static string Range(int least, int most) => most == Unbounded
        ? string.Create(CultureInfo.InvariantCulture, $"a whole number of at least {least}")
        : string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}");

    private static double? ReadNumber(JsonElement e) =>
        e.ValueKind == JsonValueKind.Number && e.TryGetDouble(out double v) && double.IsFinite(v) ? v : null;

    // 3.0 is a whole number too: some SDKs send every number as a double.
    private static int? ReadInteger(JsonElement e) =>
        ReadNumber(e) is { } v && v == Math.Floor(v) && Math.Abs(v) <= int.MaxValue ? (int)v : null;

    private static List<string>? ReadNames(JsonElement e) => e.ValueKind switch
    {
        JsonValueKind.String => e.GetString() is { Length: > 0 } name ? [name] : null,
        JsonValueKind.Array when e.EnumerateArray().All(i => i.ValueKind == JsonValueKind.String && i.GetString()!.Length > 0) => [.. e.EnumerateArray().Select(i => i.GetString()!)],
        _ => null,
    };

    private static List<int>? ReadIndices(JsonElement e)
    {
        if (ReadInteger(e) is { } single) return single >= 0 ? [single] : null;
        if (e.ValueKind != JsonValueKind.Array) return null;
        List<int?> indices = [.. e.EnumerateArray().Select(ReadInteger)];
        return indices.All(i => i >= 0) ? [.. indices.Select(i => i!.Value).Distinct().Order()] : null;
    }

    private static Dictionary<string, T>? ReadMap<T>(JsonElement e, Func<JsonElement, T?> read) where T : struct
    {
        if (e.ValueKind != JsonValueKind.Object) return null;
        var map = new Dictionary<string, T>();
        foreach (JsonProperty property in e.EnumerateObject())
        {
            if (read(property.Value) is not { } value) return null;
            map[property.Name] = value;
        }
        return map;
    }
}
