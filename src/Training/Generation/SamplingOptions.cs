namespace TrainingService.Training.Generation;

/// <summary>How the next token is drawn.</summary>
public sealed record SamplingOptions
{
    /// <summary>Divides the logits; 0 takes the most probable token.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draws from the smallest set of tokens with at least this probability (Holtzman et al., 2019, arXiv 1904.09751).</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Seed of the draws.</summary>
    public int Seed { get; init; }

    /// <summary>How many of the most probable tokens are told with each token.</summary>
    public int TopLogProbs { get; init; }
}
