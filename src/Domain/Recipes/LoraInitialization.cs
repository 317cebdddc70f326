namespace TrainingService.Domain.Recipes;

/// <summary>How an adapter's matrices begin.</summary>
public enum LoraInitialization
{
    /// <summary>A uniform, B zero: the adapter changes nothing yet.</summary>
    Uniform,

    /// <summary>A normal with deviation 1/r, B zero.</summary>
    Gaussian,

    /// <summary>The weight's principal components, which the frozen weight gives up (Meng et al., 2024, arXiv 2404.02948).</summary>
    Pissa,
}
