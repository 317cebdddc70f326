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

    /// <summary>Linear layers to adapt: name suffixes, or the single entry <c>all-linear</c>.</summary>
    public IReadOnlyList<string> TargetModules { get; init; } = ["q_proj", "v_proj"];

    /// <summary>Scale by alpha / √r instead of alpha / r (Kalajdzievski, 2023, arXiv 2312.03732).</summary>
    public bool UseRsLora { get; init; }

    /// <summary>Indices of the decoder layers to adapt; null adapts all.</summary>
    public IReadOnlyList<int>? LayersToTransform { get; init; }

    /// <summary>Ranks for modules whose name ends with the key.</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>Alphas for modules whose name ends with the key.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();
}
