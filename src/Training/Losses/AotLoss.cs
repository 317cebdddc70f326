using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>
/// Alignment by optimal transport (Melnyk et al., 2024, arXiv 2406.05882): the logistic loss between quantiles of the whole
/// micro-batch. The i-th value belongs to the i-th quantile, not to the i-th pair.
/// </summary>
internal static class AotLoss
{
    /// <summary>Quantiles of logπ_w − logπ_l against those of the reference.</summary>
    public static Tensor Paired(PairLogProbs pairs, double beta, double labelSmoothing) =>
        BetweenQuantiles(pairs.PolicyChosen - pairs.PolicyRejected, pairs.ReferenceChosen - pairs.ReferenceRejected, beta, labelSmoothing);

    /// <summary>Quantiles of the chosen log-ratios against those of the rejected.</summary>
    public static Tensor Unpaired(Tensor chosenLogRatios, Tensor rejectedLogRatios, double beta, double labelSmoothing) =>
        BetweenQuantiles(chosenLogRatios, rejectedLogRatios, beta, labelSmoothing);

    // A stable sort gives equal values, and so gradients, the same order on every run and device.
    private static Tensor BetweenQuantiles(Tensor upper, Tensor lower, double beta, double labelSmoothing) =>
        SigmoidLoss.PerPair((upper.sort(0, descending: false, stable: true).Values - lower.sort(0, descending: false, stable: true).Values) * beta, labelSmoothing);
}
