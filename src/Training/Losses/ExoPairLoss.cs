using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace TrainingService.Training.Losses;

/// <summary>EXO for pairs (Ji et al., 2024, arXiv 2402.00856): the reverse KL from the smoothed label (1−ε, ε), so ε must be above 0.</summary>
internal static class ExoPairLoss
{
    /// <summary>From reward margins β·Δ: σ(βΔ)(ls(βΔ) − ln(1−ε)) + σ(−βΔ)(ls(−βΔ) − ln ε).</summary>
    public static Tensor PerPair(Tensor margins, double labelSmoothing) =>
        margins.sigmoid() * (logsigmoid(margins) - Math.Log(1 - labelSmoothing))
        + (-margins).sigmoid() * (logsigmoid(-margins) - Math.Log(labelSmoothing));
}
