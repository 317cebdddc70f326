using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace TrainingService.Training.Losses;

/// <summary>Robust DPO (Chowdhury et al., 2024, arXiv 2403.00409): unbiased when a share ε of the labels is flipped.</summary>
internal static class RobustLoss
{
    /// <summary>From reward margins β·Δ: [−(1−ε)·ls(βΔ) + ε·ls(−βΔ)]/(1−2ε).</summary>
    public static Tensor PerPair(Tensor margins, double labelSmoothing) =>
        (logsigmoid(margins) * (labelSmoothing - 1) + logsigmoid(-margins) * labelSmoothing) / (1 - 2 * labelSmoothing);
}
