using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>Kahneman–Tversky optimisation (Ethayarajh et al., 2024, arXiv 2402.01306): the value of a completion against a reference point.</summary>
internal static class KtoLoss
{
    /// <summary>1 − σ(β(r − kl)) of a desirable completion, 1 − σ(β(kl − r)) of an undesirable one, (rows,).</summary>
    /// <param name="logRatios">r = log π − log π_ref of each completion, (rows,).</param>
    /// <param name="signs">1 where desirable, −1 where not, (rows,).</param>
    /// <param name="beta">β.</param>
    /// <param name="kl">The reference point: the estimated divergence of the policy from the reference, at least 0.</param>
    public static Tensor PerRow(Tensor logRatios, Tensor signs, double beta, double kl) => 1 - ((logRatios - kl) * signs * beta).sigmoid();
}
