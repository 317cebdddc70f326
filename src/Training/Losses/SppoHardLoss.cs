using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>Self-play preference optimisation with hard labels (Wu et al., 2024, arXiv 2405.00675): the chosen wins with probability 1.</summary>
internal static class SppoHardLoss
{
    /// <summary>From scores r: (r_w − ½/β)² + (r_l + ½/β)².</summary>
    public static Tensor PerPair(Tensor chosenScores, Tensor rejectedScores, double beta) =>
        (chosenScores - 0.5 / beta).square() + (rejectedScores + 0.5 / beta).square();
}
