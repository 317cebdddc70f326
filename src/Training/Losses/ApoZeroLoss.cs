using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>Anchored preference optimisation, zero (D'Oosterlinck et al., 2024, arXiv 2408.06266), for chosen completions better than the model's own.</summary>
internal static class ApoZeroLoss
{
    /// <summary>From rewards β·r: 1 − σ(βr_w) + σ(βr_l).</summary>
    public static Tensor PerPair(Tensor chosenRewards, Tensor rejectedRewards) =>
        1 - chosenRewards.sigmoid() + rejectedRewards.sigmoid();
}
