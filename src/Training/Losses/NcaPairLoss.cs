using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace TrainingService.Training.Losses;

/// <summary>Noise-contrastive alignment for pairs (Chen et al., 2024, arXiv 2402.05369).</summary>
internal static class NcaPairLoss
{
    /// <summary>From rewards β·r: −ls(βr_w) − ½ls(−βr_w) − ½ls(−βr_l).</summary>
    public static Tensor PerPair(Tensor chosenRewards, Tensor rejectedRewards) =>
        -logsigmoid(chosenRewards) - (logsigmoid(-chosenRewards) + logsigmoid(-rejectedRewards)) * 0.5;
}
