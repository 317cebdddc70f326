using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Recipes;

namespace TrainingService.Api.FineTuning.Validation;

/// <summary>
/// The memory that a worker's process takes for a job at its highest: what the trainer keeps, counted from the model's
/// shapes, and three numbers that were measured. docs/decisions/0012-memory-estimate.md compares it with real runs.
/// </summary>
internal static class MemoryEstimate
{
    // .NET, libtorch and the worker's own before a model is there.
    private const long Process = 250L << 20;

    // The C library keeps the pieces that loading leaves, and those that a pass frees and the next does not always fit.
    private const double HeapOverFrozen = 1.6;
    private const double HeapOverKept = 2.5;

    // What the trainer packs together on a CPU, and the head's chunk of targets.
    private const int PackTokens = 2048;
    private const int HeadChunk = 128;

    // NF4 with its scales.
    private const double BitsOfAQuantisedWeight = 4.13;

    public static long Of(ModelWeights weights, TrainingRecipe recipe, DatasetReport report)
    {
        int bytes = recipe.ComputeType == ComputeType.Bfloat16 ? 2 : 4;
        ModelDimensions d = weights.Dimensions;
        long longest = LongestRow(recipe, report);
        long tokens = Math.Min(Math.Min(recipe.BatchSize, report.Kept) * longest, Math.Max(longest, PackTokens));
        double head = (double)Math.Min(HeadChunk, tokens) * d.Vocabulary * (2 * bytes + 2 * sizeof(float));
        double kept = (double)tokens * KeptOfAToken(weights, recipe.Lora) * bytes;
        return Process + Trained(weights, recipe, bytes) + (long)(HeapOverFrozen * Frozen(weights, recipe, bytes) + HeapOverKept * kept + head);
    }

    private static long Frozen(ModelWeights weights, TrainingRecipe recipe, int bytes)
    {
        if (!recipe.LoadIn4Bit) return weights.Count * bytes;
        long[] quantised = [.. weights.LinearLayers.Select(l => l.Outputs * l.Inputs)];
        // One layer at a time is unpacked for its product.
        return (weights.Count - quantised.Sum() + quantised.DefaultIfEmpty().Max()) * bytes + (long)(quantised.Sum() * BitsOfAQuantisedWeight / 8);
    }

    /// <summary>Weights that are trained, float32, with gradient, moments and, where the best ones are kept, a copy.</summary>
    private static long Trained(ModelWeights weights, TrainingRecipe recipe, int bytes)
    {
        LoraRecipe lora = recipe.Lora;
        int floats = 2 + (recipe.LoadBestModelAtEnd ? 1 : 0) + recipe.Optimizer switch
        {
            OptimizerType.AdamwTorch => 3, // two moments, and the denominator made of them
            OptimizerType.Lion => 1,
            _ => 0,
        };
        long adapter = weights.LinearLayers.Where(l => lora.Targets(l.Name)).Sum(l => lora.RankOf(l.Name) * (l.Outputs + l.Inputs) + (lora.UseDora ? l.Outputs : 0));
        long copies = (long)lora.ModulesToSave.Count * weights.Dimensions.Vocabulary * weights.Dimensions.Hidden;
        // Products with a copy that is trained take it in the model's type.
        return (adapter + copies) * floats * sizeof(float) + (bytes < sizeof(float) ? copies * bytes : 0);
    }

    /// <summary>
    /// Numbers that the backward pass needs of each token: a layer's input, queries, keys, values, the MLP's input, gate and
    /// up; of an adapted layer the low-rank product, with DoRA the product before its scaling; of an adapted o_proj its input.
    /// </summary>
    private static long KeptOfAToken(ModelWeights weights, LoraRecipe lora)
    {
        ModelDimensions d = weights.Dimensions;
        (string Name, long Outputs, long Inputs)[] adapted = [.. weights.LinearLayers.Where(l => lora.Targets(l.Name))];
        // Below the first layer that trains, no gradient is needed; an embedding that trains lies below all.
        int layers = lora.ModulesToSave.Count > 0 ? d.Layers : d.Layers - adapted.Select(l => LoraRecipe.LayerIndex(l.Name) ?? 0).DefaultIfEmpty().Min();
        return layers * (2L * d.Hidden + d.QueryWidth + 2L * d.KeyValueWidth + 2L * d.Intermediate)
            + adapted.Sum(l => lora.RankOf(l.Name) + (lora.UseDora ? l.Outputs : 0) + (LoraRecipe.EndsWith(l.Name, "o_proj") ? l.Inputs : 0));
    }

    /// <summary>Tokens of the longest row, its prompt once for all of its completions.</summary>
    private static long LongestRow(TrainingRecipe recipe, DatasetReport report)
    {
        long most = recipe.MaxLength ?? int.MaxValue;
        (int prompts, int[] completions) = report switch
        {
            PairReport p => (p.PromptLengths.Maximum, new[] { p.ChosenLengths.Maximum, p.RejectedLengths.Maximum }),
            LabelledReport l => (l.PromptLengths.Maximum, [l.CompletionLengths.Maximum]),
            SupervisedReport s => (0, [s.SequenceLengths.Maximum]),
            _ => throw new ArgumentException($"Nothing is known of the lengths in a {report.GetType().Name}.", nameof(report)),
        };
        long prompt = Math.Min(prompts, recipe.MaxPromptLength ?? int.MaxValue);
        return prompt + completions.Sum(completion => Math.Max(0, Math.Min(completion, most - prompt)));
    }
}
