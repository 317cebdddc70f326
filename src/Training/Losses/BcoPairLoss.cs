using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace TrainingService.Training.Losses;

/// <summary>Binary classifier optimisation for pairs (Jung et al., 2024, arXiv 2404.04656).</summary>
internal static class BcoPairLoss
{
    /// <summary>From rewards β·r: −ls(βr_w) − ls(−βr_l).</summary>
    public static Tensor PerPair(Tensor chosenRewards, Tensor rejectedRewards) =>
        -logsigmoid(chosenRewards) - logsigmoid(-rejectedRewards);
}
