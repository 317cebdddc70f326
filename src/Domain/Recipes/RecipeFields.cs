using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TrainingService.Domain.Recipes.RecipeFieldKinds;

namespace TrainingService.Domain.Recipes;

/// <summary>
/// Every setting of a job in tables: what <c>method.dpo.hyperparameters</c> and <c>method.dpo.lora</c> may hold, and those
/// of the other methods. Reading a request, writing a job's record and the documentation all walk these tables.
/// </summary>
public static class RecipeFields
{
    private static readonly RecipeField s_reference =
        Name<ReferencePolicy>("reference", "What the policy is compared with when training starts from an adapter.",
            (r, v) => r with { Reference = v }, r => r.Reference);

    private static readonly RecipeField s_labelSmoothing =
        Number("label_smoothing", "a number from 0 to below 0.5", "Assumed share of flipped labels.",
            v => v is >= 0 and < 0.5, (r, v) => r with { LabelSmoothing = v }, r => r.LabelSmoothing);

    private static readonly RecipeField s_maxPromptLength =
        OptionalInteger("max_prompt_length", 1, 1 << 20, "Most tokens of a prompt; longer prompts keep their end. null sets no limit.",
            (r, v) => r with { MaxPromptLength = v }, r => r.MaxPromptLength);

    private static readonly IReadOnlyList<RecipeField> s_rows =
    [
        Integer("batch_size", 1, 256, "Rows a micro-batch (TRL's per_device_train_batch_size).",
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
    ];

    private static readonly IReadOnlyList<RecipeField> s_optimisation =
    [
        Name<OptimizerType>("optim", "The optimiser.",
            (r, v) => r with { Optimizer = v }, r => r.Optimizer),
        Name<LearningRateSchedule>("lr_scheduler_type", "Shape of the learning rate over the steps.",
            (r, v) => r with { LearningRateSchedule = v }, r => r.LearningRateSchedule),
        new("lr_scheduler_kwargs", "an object of num_cycles, power, lr_end or timescale", "What cosine, cosine_with_restarts, polynomial and inverse_sqrt take besides the steps.",
            ReadScheduleArguments, WriteScheduleArguments),
        Number("warmup_steps", "0, a share of all steps below 1, or a whole number of steps", "Steps of linear warm-up.",
            v => v >= 0 && (v < 1 || v == Math.Floor(v)), (r, v) => r with { WarmupSteps = v }, r => r.WarmupSteps),
        Number("weight_decay", "a number from 0 to 1", "Weight decay.",
            v => v is >= 0 and <= 1, (r, v) => r with { WeightDecay = v }, r => r.WeightDecay),
        Number("adam_beta1", "a number from 0 to below 1", "Decay of the gradient's mean, of AdamW and Lion.",
            v => v is >= 0 and < 1, (r, v) => r with { AdamBeta1 = v }, r => r.AdamBeta1),
        Number("adam_beta2", "a number from 0 to below 1", "Decay of AdamW's mean of squared gradients and of Lion's memory.",
            v => v is >= 0 and < 1, (r, v) => r with { AdamBeta2 = v }, r => r.AdamBeta2),
        Number("adam_epsilon", "a number above 0", "AdamW's ε.",
            v => v > 0, (r, v) => r with { AdamEpsilon = v }, r => r.AdamEpsilon),
        Number("max_grad_norm", "a number of at least 0", "Gradients are scaled down to this global norm; 0 never clips.",
            v => v >= 0, (r, v) => r with { MaxGradNorm = v }, r => r.MaxGradNorm),
        OptionalNumber("neftune_noise_alpha", "a number above 0, or null", "Noise on the embeddings in training (NEFTune); null is off.",
            v => v > 0, (r, v) => r with { NeftuneNoiseAlpha = v }, r => r.NeftuneNoiseAlpha),
        OptionalNumber("validation_split", "a number above 0 and below 1, or null", "Share of the training rows that is split off for evaluation by the seed, no prompt on both sides.",
            v => v is > 0 and < 1, (r, v) => r with { ValidationSplit = v }, r => r.ValidationSplit),
        Integer("logging_steps", 1, Unbounded, "Optimiser steps a log.",
            (r, v) => r with { LoggingSteps = v }, r => r.LoggingSteps),
        Name<IntervalStrategy>("eval_strategy", "When the validation rows are evaluated; each epoch by default when there are some.",
            (r, v) => r with { EvalStrategy = v }, r => r.EvalStrategy),
        OptionalInteger("eval_steps", 1, Unbounded, "Steps between evaluations with eval_strategy steps; null takes logging_steps.",
            (r, v) => r with { EvalSteps = v }, r => r.EvalSteps),
        Name<IntervalStrategy>("save_strategy", "When a checkpoint is kept.",
            (r, v) => r with { SaveStrategy = v }, r => r.SaveStrategy),
        Integer("save_steps", 1, Unbounded, "Steps between checkpoints with save_strategy steps.",
            (r, v) => r with { SaveSteps = v }, r => r.SaveSteps),
        OptionalInteger("save_total_limit", 1, Unbounded, "Most checkpoints kept: older ones go first, the best one last; null keeps all.",
            (r, v) => r with { SaveTotalLimit = v }, r => r.SaveTotalLimit),
        Flag("load_best_model_at_end", "The adapter that comes out is the best checkpoint's rather than the last step's.",
            (r, v) => r with { LoadBestModelAtEnd = v }, r => r.LoadBestModelAtEnd),
        new("metric_for_best_model", "the name of an evaluation metric such as loss or rewards/accuracies", "The evaluation metric that tells checkpoints apart.",
            (r, e) => e.ValueKind == JsonValueKind.String && MetricName(e.GetString()!) is { } name ? r with { MetricForBestModel = name } : null, r => r.MetricForBestModel),
        new("greater_is_better", "true, false or null", "Whether more of the metric is better; null takes no for a loss, yes for all else.",
            (r, e) => e.ValueKind switch
            {
                JsonValueKind.Null => r with { GreaterIsBetter = null },
                JsonValueKind.True or JsonValueKind.False => r with { GreaterIsBetter = e.GetBoolean() },
                _ => null,
            },
            r => r.GreaterIsBetter),
        OptionalInteger("early_stopping_patience", 1, Unbounded, "Evaluations in a row without improvement after which training stops; null never stops early.",
            (r, v) => r with { EarlyStoppingPatience = v }, r => r.EarlyStoppingPatience),
        Number("early_stopping_threshold", "a number of at least 0", "How much better the metric must be to count as improved.",
            v => v >= 0, (r, v) => r with { EarlyStoppingThreshold = v }, r => r.EarlyStoppingThreshold),
        Name<SamplingStrategy>("train_sampling_strategy", "random shuffles anew each epoch by the seed; sequential keeps the file's order.",
            (r, v) => r with { SamplingStrategy = v }, r => r.SamplingStrategy),
        Name<ComputeType>("dtype", "Type of frozen weights and arithmetic; adapters and log-probabilities are always float32.",
            (r, v) => r with { ComputeType = v }, r => r.ComputeType),
        Flag("load_in_4bit", "Keep the frozen linear layers as NF4 with double quantisation (QLoRA): a quarter of bfloat16's memory, somewhat slower.",
            (r, v) => r with { LoadIn4Bit = v }, r => r.LoadIn4Bit),
    ];

    private static readonly Dictionary<TrainingMethod, IReadOnlyList<RecipeField>> s_hyperparameters = new()
    {
        [TrainingMethod.Dpo] =
        [
            Beta(2, "Strength of the pull towards the reference."),
            .. s_rows,
            s_maxPromptLength,
            Losses("loss_type", "The preference loss, or a list of losses to sum."),
            Weights("loss_weights", "One weight a loss; null weighs each by 1."),
            s_labelSmoothing,
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
            .. s_optimisation,
            s_reference,
        ],
        [TrainingMethod.Kto] =
        [
            Beta(2, "Strength of the pull towards the reference."),
            .. s_rows,
            s_maxPromptLength,
            Name<KtoLossType>("loss_type", "The loss; apo_zero_unpaired needs no estimate of the divergence.",
                (r, v) => r with { KtoLossType = v }, r => r.KtoLossType),
            Number("desirable_weight", "a number of at least 0", "Weight of rows with a thumb up.",
                v => v >= 0, (r, v) => r with { DesirableWeight = v }, r => r.DesirableWeight),
            Number("undesirable_weight", "a number of at least 0", "Weight of rows with a thumb down.",
                v => v >= 0, (r, v) => r with { UndesirableWeight = v }, r => r.UndesirableWeight),
            .. s_optimisation,
            s_reference,
        ],
        [TrainingMethod.Orpo] =
        [
            Beta(100, "Weight of the odds ratio beside the cross-entropy of the chosen answers (the paper's λ)."),
            .. s_rows,
            s_maxPromptLength,
            .. s_optimisation,
        ],
        [TrainingMethod.Cpo] =
        [
            Beta(100, "What a margin of log-probabilities counts; SimPO takes 2 and more."),
            .. s_rows,
            s_maxPromptLength,
            Name<CpoLossType>("loss_type", "The loss; simpo is length-normalised and has a target margin.",
                (r, v) => r with { CpoLossType = v }, r => r.CpoLossType),
            s_labelSmoothing,
            Number("cpo_alpha", "a number of at least 0", "Weight of the cross-entropy of the chosen answers; 0 with loss_type simpo is SimPO itself.",
                v => v >= 0, (r, v) => r with { CpoAlpha = v }, r => r.CpoAlpha),
            Number("simpo_gamma", "a number of at least 0", "SimPO's target margin γ.",
                v => v >= 0, (r, v) => r with { SimpoGamma = v }, r => r.SimpoGamma),
            .. s_optimisation,
        ],
        [TrainingMethod.Supervised] =
        [
            .. s_rows,
            Flag("assistant_only_loss", "Count the assistant's tokens alone; false counts all.",
                (r, v) => r with { AssistantOnlyLoss = v }, r => r.AssistantOnlyLoss),
            .. s_optimisation,
        ],
    };

    /// <summary>Fields of <c>method.{method}.hyperparameters</c>.</summary>
    public static IReadOnlyList<RecipeField> Hyperparameters(TrainingMethod method) => s_hyperparameters[method];

    /// <summary>Fields of <c>method.{method}.lora</c>: the same for every method.</summary>
    public static IReadOnlyList<RecipeField> Lora { get; } =
    [
        Integer("r", 1, 1024, "Rank of the adapter's matrices.",
            (r, v) => r with { Lora = r.Lora with { Rank = v } }, r => r.Lora.Rank),
        Number("lora_alpha", "a number above 0", "Numerator of the adapter's scaling alpha / r.",
            v => v > 0, (r, v) => r with { Lora = r.Lora with { Alpha = v } }, r => r.Lora.Alpha),
        Number("lora_dropout", "a number from 0 to below 1", "Probability that an input of the adapter is dropped in training.",
            v => v is >= 0 and < 1, (r, v) => r with { Lora = r.Lora with { Dropout = v } }, r => r.Lora.Dropout),
        new("target_modules", "\"all-linear\", a list of at most 1024 layer names such as [\"q_proj\", \"v_proj\"], or a regular expression of whole module paths such as \".*q_proj\"", "Linear layers to adapt.",
            (r, e) => ReadTargets(r.Lora, e) is { } lora ? r with { Lora = lora } : null,
            r => r.Lora.TargetPattern is { } pattern ? pattern : r.Lora.TargetModules is ["all-linear"] ? "all-linear" : new JsonArray([.. r.Lora.TargetModules.Select(n => (JsonNode)n)])),
        new("modules_to_save", "a list of the embedding's and the head's names, such as [\"embed_tokens\", \"lm_head\"], or null", "Modules trained in full beside the adapter; vLLM and llama.cpp then need the merged model.",
            (r, e) => e.ValueKind == JsonValueKind.Null ? r with { Lora = r.Lora with { ModulesToSave = [] } }
                : e.ValueKind == JsonValueKind.Array && ReadNames(e) is { } names ? r with { Lora = r.Lora with { ModulesToSave = [.. names.Distinct()] } } : null,
            r => r.Lora.ModulesToSave is [] ? null : new JsonArray([.. r.Lora.ModulesToSave.Select(n => (JsonNode)n)])),
        Flag("use_dora", "Train the length of each row of an adapted weight apart from its direction (DoRA).",
            (r, v) => r with { Lora = r.Lora with { UseDora = v } }, r => r.Lora.UseDora),
        new("init_lora_weights", "true, \"gaussian\", \"pissa\" or \"pissa_niter_N\" with N iterations from 1 to 100", "How the adapter begins: true draws A uniformly and leaves the model as it is; pissa starts from each weight's principal components.",
            (r, e) => ReadInitialization(r.Lora, e) is { } lora ? r with { Lora = lora } : null,
            r => r.Lora switch
            {
                { Initialization: LoraInitialization.Pissa, PissaIterations: { } iterations } => Pissa + Iterations + iterations.ToString(CultureInfo.InvariantCulture),
                { Initialization: LoraInitialization.Pissa } => Pissa,
                { Initialization: LoraInitialization.Gaussian } => Gaussian,
                _ => true,
            }),
        Flag("use_rslora", "Scale by alpha / √r instead of alpha / r.",
            (r, v) => r with { Lora = r.Lora with { UseRsLora = v } }, r => r.Lora.UseRsLora),
        new("layers_to_transform", "a list of at most 1024 layer indices from 0, or null", "Decoder layers to adapt; null adapts all.",
            (r, e) => e.ValueKind == JsonValueKind.Null ? r with { Lora = r.Lora with { LayersToTransform = null } }
                : ReadIndices(e) is { Count: > 0 } layers ? r with { Lora = r.Lora with { LayersToTransform = layers } } : null,
            r => r.Lora.LayersToTransform is { } layers ? new JsonArray([.. layers.Select(i => (JsonNode)i)]) : null),
        new("rank_pattern", "an object of at most 1024 layer names, each with a rank from 1 to 1024", "Ranks of single layers, by name suffix or a regular expression of it.",
            (r, e) => ReadPatterns<int>(e, v => ReadInteger(v) is { } n and >= 1 and <= 1024 ? n : null) is { } map ? r with { Lora = r.Lora with { RankPattern = map } } : null,
            r => new JsonObject(r.Lora.RankPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value)))),
        new("alpha_pattern", "an object of at most 1024 layer names, each with a number above 0", "Alphas of single layers, by name suffix or a regular expression of it.",
            (r, e) => ReadPatterns<double>(e, v => ReadNumber(v) is { } n and > 0 ? n : null) is { } map ? r with { Lora = r.Lora with { AlphaPattern = map } } : null,
            r => new JsonObject(r.Lora.AlphaPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value)))),
    ];

    private const string Gaussian = "gaussian", Pissa = "pissa", Iterations = "_niter_";

    /// <summary>PEFT's reading: a list holds names, a text is <c>all-linear</c> or a regular expression.</summary>
    private static LoraRecipe? ReadTargets(LoraRecipe lora, JsonElement e)
    {
        if (ReadNames(e) is not { Count: > 0 } names) return null;
        if (e.ValueKind == JsonValueKind.Array) return names.Count > 1 && names.Contains("all-linear") ? null : lora with { TargetModules = names, TargetPattern = null };
        if (names is ["all-linear"]) return lora with { TargetModules = names, TargetPattern = null };
        return ModulePattern.IsValid(names[0]) ? lora with { TargetModules = [], TargetPattern = names[0] } : null;
    }

    private static LoraRecipe? ReadInitialization(LoraRecipe lora, JsonElement e)
    {
        string? name = e.ValueKind == JsonValueKind.String ? e.GetString() : null;
        if (e.ValueKind == JsonValueKind.True) return lora with { Initialization = LoraInitialization.Uniform, PissaIterations = null };
        if (name == Gaussian) return lora with { Initialization = LoraInitialization.Gaussian, PissaIterations = null };
        if (name == Pissa) return lora with { Initialization = LoraInitialization.Pissa, PissaIterations = null };
        return name?.StartsWith(Pissa + Iterations, StringComparison.Ordinal) == true
            && int.TryParse(name[(Pissa + Iterations).Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int iterations) && iterations is >= 1 and <= 100
            ? lora with { Initialization = LoraInitialization.Pissa, PissaIterations = iterations } : null;
    }

    private static Dictionary<string, T>? ReadPatterns<T>(JsonElement e, Func<JsonElement, T?> read) where T : struct =>
        ReadMap(e, read) is { } map && map.Keys.All(ModulePattern.IsValid) ? map : null;

    private static RecipeField Beta(double most, string description) =>
        Number("beta", $"a number above 0, at most {most}", description, v => v > 0 && v <= most, (r, v) => r with { Beta = v }, r => r.Beta);

    /// <summary>A metric's name as it is logged, with or without transformers' prefix.</summary>
    private static string? MetricName(string given) => (given.StartsWith("eval_", StringComparison.Ordinal) ? given["eval_".Length..] : given) is { Length: > 0 } name ? name : null;

    private static TrainingRecipe? ReadScheduleArguments(TrainingRecipe recipe, JsonElement given)
    {
        if (given.ValueKind != JsonValueKind.Object) return null;
        var arguments = new ScheduleArguments();
        foreach (JsonProperty property in given.EnumerateObject())
        {
            ScheduleArguments? read = (property.Name, ReadNumber(property.Value)) switch
            {
                ("num_cycles", { } v and > 0) => arguments with { NumCycles = v },
                ("power", { } v and > 0) => arguments with { Power = v },
                ("lr_end", { } v and >= 0) => arguments with { LrEnd = v },
                ("timescale", { } v and > 0 and <= int.MaxValue) when v == Math.Floor(v) => arguments with { Timescale = (int)v },
                _ => null,
            };
            if (read is null) return null;
            arguments = read;
        }
        return recipe with { ScheduleArguments = arguments };
    }

    private static JsonObject WriteScheduleArguments(TrainingRecipe recipe)
    {
        ScheduleArguments arguments = recipe.ScheduleArguments;
        var given = new (string Name, double? Value)[]
        {
            ("num_cycles", arguments.NumCycles), ("power", arguments.Power), ("lr_end", arguments.LrEnd), ("timescale", arguments.Timescale),
        };
        return new(given.Where(g => g.Value is not null).Select(g => KeyValuePair.Create(g.Name, (JsonNode?)g.Value)));
    }
}
