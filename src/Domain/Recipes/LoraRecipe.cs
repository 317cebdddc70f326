namespace TrainingService.Domain.Recipes;

/// <summary>A low-rank adapter's settings under PEFT's names (Hu et al., 2021, arXiv 2106.09685).</summary>
public sealed record LoraRecipe
{
    /// <summary>Rank of the two adapter matrices (<c>r</c>).</summary>
    public int Rank { get; init; } = 8;

    /// <summary>Numerator of the scaling alpha / r (<c>lora_alpha</c>).</summary>
    public double Alpha { get; init; } = 16;

    /// <summary>Probability that an input of the adapter is dropped in training (<c>lora_dropout</c>).</summary>
    public double Dropout { get; init; }

    /// <summary>Linear layers to adapt: name suffixes, or the single entry <c>all-linear</c>. Not looked at where <see cref="TargetPattern"/> is given.</summary>
    public IReadOnlyList<string> TargetModules { get; init; } = ["q_proj", "v_proj"];

    /// <summary>Linear layers to adapt: a regular expression of whole module paths (<c>target_modules</c> as one string); null goes by <see cref="TargetModules"/>.</summary>
    public string? TargetPattern { get; init; }

    /// <summary>Scale by alpha / √r instead of alpha / r (Kalajdzievski, 2023, arXiv 2312.03732).</summary>
    public bool UseRsLora { get; init; }

    /// <summary>Train the length of each row of an adapted weight apart from its direction (Liu et al., 2024, arXiv 2402.09353).</summary>
    public bool UseDora { get; init; }

    /// <summary>How the adapter's matrices begin (<c>init_lora_weights</c>).</summary>
    public LoraInitialization Initialization { get; init; }

    /// <summary>Subspace iterations of an approximate decomposition for <see cref="LoraInitialization.Pissa"/>; null decomposes exactly.</summary>
    public int? PissaIterations { get; init; }

    /// <summary>The embedding or the head, by name, trained in full beside the adapter (<c>modules_to_save</c>).</summary>
    public IReadOnlyList<string> ModulesToSave { get; init; } = [];

    /// <summary>Indices of the decoder layers to adapt; null adapts all.</summary>
    public IReadOnlyList<int>? LayersToTransform { get; init; }

    /// <summary>Ranks for modules whose name ends with the key, which may be a regular expression.</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>Alphas for modules whose name ends with the key, which may be a regular expression.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>Whether a linear layer is one of the targets, by PEFT's rules.</summary>
    /// <param name="path">Its module path, such as <c>model.layers.0.self_attn.q_proj</c>.</param>
    public bool Targets(string path) =>
        (TargetPattern is { } pattern ? ModulePattern.Whole(pattern).Matches(path) : TargetModules is ["all-linear"] || TargetModules.Any(t => EndsWith(path, t)))
        && (LayersToTransform is null || (LayerIndex(path) is { } index && LayersToTransform.Contains(index)));

    /// <summary>Rank of a layer's matrices.</summary>
    /// <param name="path">Its module path.</param>
    public int RankOf(string path) => Of(RankPattern, path) ?? Rank;

    /// <summary>Numerator of a layer's scaling.</summary>
    /// <param name="path">Its module path.</param>
    public double AlphaOf(string path) => Of(AlphaPattern, path) ?? Alpha;

    /// <summary>What a layer's adapter is multiplied by: alpha / r, or alpha / √r with <see cref="UseRsLora"/>.</summary>
    /// <param name="path">Its module path.</param>
    public double ScalingOf(string path) => AlphaOf(path) / (UseRsLora ? Math.Sqrt(RankOf(path)) : RankOf(path));

    /// <summary>Whether a module path ends with a name, after a dot or from its start.</summary>
    /// <param name="path">The module path.</param>
    /// <param name="name">One or more of its last parts.</param>
    public static bool EndsWith(string path, string name) => path == name || path.EndsWith("." + name, StringComparison.Ordinal);

    /// <summary>The first number between dots: <c>model.layers.3.mlp</c> → 3; null where there is none.</summary>
    /// <param name="path">The module path.</param>
    public static int? LayerIndex(string path)
    {
        foreach (string part in path.Split('.'))
            if (int.TryParse(part, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int index)) return index;
        return null;
    }

    private static T? Of<T>(IReadOnlyDictionary<string, T> pattern, string path) where T : struct
    {
        foreach ((string key, T value) in pattern)
            if (ModulePattern.End(key).Matches(path)) return value;
        return null;
    }
}
