using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace TrainingService.Training.Losses;

/// <summary>DPO's logistic loss (Rafailov et al., 2023, arXiv 2305.18290); with label smoothing, conservative DPO.</summary>
internal static class SigmoidLoss
{
    /// <summary>From reward margins β·Δ: −(1−ε)·ls(βΔ) − ε·ls(−βΔ).</summary>
    public static Tensor PerPair(Tensor margins, double labelSmoothing) =>
        labelSmoothing == 0 ? -logsigmoid(margins) : logsigmoid(margins) * (labelSmoothing - 1) - logsigmoid(-margins) * labelSmoothing;
}
