using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>Identity preference optimisation (Azar et al., 2023, arXiv 2310.12036), per token as its authors use it: sums would grow with the completions' lengths.</summary>
internal static class IpoLoss
{
    /// <summary>From differences of per-token scores: (r_w/n_w − r_l/n_l − 1/(2β))².</summary>
    public static Tensor PerPair(Tensor meanScoreMargins, double beta) =>
        (meanScoreMargins - 1 / (2 * beta)).square();
}
