using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace TrainingService.Training.Losses;

/// <summary>DiscoPOP (Lu et al., 2024, arXiv 2406.08414): a blend of the logistic and the exponential loss, found by search.</summary>
internal static class DiscopopLoss
{
    /// <summary>From reward margins β·Δ, with m = σ(βΔ/τ): −ls(βΔ)(1−m) + e^(−βΔ)·m.</summary>
    public static Tensor PerPair(Tensor margins, double temperature)
    {
        Tensor modulation = (margins / temperature).sigmoid();
        return (-margins).exp() * modulation - logsigmoid(margins) * (1 - modulation);
    }
}
