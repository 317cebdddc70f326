using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>Anchored preference optimisation, down (D'Oosterlinck et al., 2024, arXiv 2408.06266), for chosen completions worse than the model's own.</summary>
internal static class ApoDownLoss
{
    /// <summary>From chosen rewards β·r_w and reward margins β·Δ: σ(βr_w) + 1 − σ(βΔ).</summary>
    public static Tensor PerPair(Tensor chosenRewards, Tensor margins) =>
        chosenRewards.sigmoid() + 1 - margins.sigmoid();
}
