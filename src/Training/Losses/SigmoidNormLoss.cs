using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace TrainingService.Training.Losses;

/// <summary>The logistic loss on per-token margins (the length normalisation of SimPO, Meng et al., 2024, arXiv 2405.14734, with a reference).</summary>
internal static class SigmoidNormLoss
{
    /// <summary>From differences of per-token rewards: −ls(β(r_w/n_w − r_l/n_l)).</summary>
    public static Tensor PerPair(Tensor meanRewardMargins) =>
        -logsigmoid(meanRewardMargins);
}
