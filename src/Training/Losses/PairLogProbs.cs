using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>
/// What a preference loss sees of some pairs: log-probabilities of their completions, each tensor (pairs,). The policy's
/// require a gradient; a loss that does not use one of them leaves that tensor's gradient null.
/// </summary>
internal sealed record PairLogProbs
{
    /// <summary>Σ log π of each chosen completion, LD-DPO's weight of the tail included.</summary>
    public required Tensor PolicyChosen { get; init; }

    /// <summary>Σ log π of each rejected completion, LD-DPO's weight of the tail included.</summary>
    public required Tensor PolicyRejected { get; init; }

    /// <summary>Σ log π_ref of each chosen completion.</summary>
    public required Tensor ReferenceChosen { get; init; }

    /// <summary>Σ log π_ref of each rejected completion.</summary>
    public required Tensor ReferenceRejected { get; init; }

    /// <summary>Tokens of each chosen completion.</summary>
    public required Tensor ChosenTokens { get; init; }

    /// <summary>Tokens of each rejected completion.</summary>
    public required Tensor RejectedTokens { get; init; }

    /// <summary>Σ log π of each chosen completion without LD-DPO's weight: what the sft term trains.</summary>
    public required Tensor SftChosen { get; init; }

    /// <summary>Pairs of the whole micro-batch, of which these may be a part.</summary>
    public required double BatchPairs { get; init; }

    /// <summary>Tokens of the chosen completions of the whole micro-batch.</summary>
    public required double BatchChosenTokens { get; init; }

    /// <summary>WPO's weight of each pair, detached; null weighs each by 1.</summary>
    public Tensor? Weights { get; init; }
}
