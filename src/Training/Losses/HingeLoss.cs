using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace TrainingService.Training.Losses;

/// <summary>SLiC's hinge loss on reward margins (Liu et al., 2023, arXiv 2309.06657).</summary>
internal static class HingeLoss
{
    /// <summary>From reward margins β·Δ: relu(1 − βΔ).</summary>
    public static Tensor PerPair(Tensor margins) =>
        relu(1 - margins);
}
