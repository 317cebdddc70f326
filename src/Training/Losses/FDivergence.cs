using TrainingService.Domain.Recipes;
using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>
/// The score f′(π/π_ref) of an f-divergence (Wang et al., 2023, arXiv 2309.16240), which takes the log-ratio's place in a
/// loss. Constants are kept so that a policy equal to its reference scores 0: they cancel in a difference of scores, but
/// not once the scores are divided by the completions' lengths.
/// </summary>
internal static class FDivergence
{
    // e^80 is the largest round exponent that float32 holds with room to spare; TRL clamps at the same.
    private const double LargestExponent = 80;

    /// <summary>Scores of log-ratios: (pairs,) → (pairs,).</summary>
    public static Tensor Scores(Tensor logRatios, FDivergenceType divergence, double alpha) => divergence switch
    {
        FDivergenceType.ReverseKl => logRatios,
        FDivergenceType.ForwardKl => -(-logRatios).expm1(),
        FDivergenceType.JsDivergence => nn.functional.logsigmoid(logRatios) + Math.Log(2),
        // The limit at α = 1; the division below would lose all digits near it.
        FDivergenceType.AlphaDivergence when Math.Abs(alpha - 1) < 1e-6 => logRatios,
        FDivergenceType.AlphaDivergence => (logRatios * (alpha - 1)).clamp(max: LargestExponent).expm1() / (alpha - 1),
        _ => throw new ArgumentOutOfRangeException(nameof(divergence), divergence, null),
    };
}
