using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>Anchored preference optimisation without pairs (D'Oosterlinck et al., 2024, arXiv 2408.06266).</summary>
internal static class ApoZeroUnpairedLoss
{
    /// <summary>1 − σ(βr) of a desirable completion, σ(βr) of an undesirable one: KTO with its reference point at 0, (rows,).</summary>
    public static Tensor PerRow(Tensor logRatios, Tensor signs, double beta) => KtoLoss.PerRow(logRatios, signs, beta, kl: 0);
}
