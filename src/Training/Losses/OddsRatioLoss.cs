using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace TrainingService.Training.Losses;

/// <summary>ORPO's odds-ratio term (Hong et al., 2024, arXiv 2403.07691), beside which stands the chosen text's cross-entropy.</summary>
internal static class OddsRatioLoss
{
    private const double MinusLn2 = -0.693147;

    /// <summary>From log odds ratios: −β·ls(log odds), β being the paper's λ.</summary>
    public static Tensor PerPair(Tensor logOdds, double beta) => logsigmoid(logOdds) * -beta;

    /// <summary>log (p_w / (1 − p_w)) − log (p_l / (1 − p_l)) with p the geometric mean of the tokens' probabilities.</summary>
    /// <param name="meanChosen">Mean log-probability of a chosen token, (pairs,).</param>
    /// <param name="meanRejected">Mean log-probability of a rejected token, (pairs,).</param>
    public static Tensor LogOdds(Tensor meanChosen, Tensor meanRejected) =>
        meanChosen - meanRejected - (LogOneMinusExp(meanChosen) - LogOneMinusExp(meanRejected));

    // log(1 − eˣ) in the form that loses no digits on either side of −ln 2 (Mächler, 2012, "Accurately computing
    // log(1 − exp(−|a|))"). The clamps keep the branch that is not taken, and a certainty, from making gradients of infinity.
    private static Tensor LogOneMinusExp(Tensor x) =>
        where(x.gt(MinusLn2), (-x.clamp(MinusLn2, -1e-7).expm1()).log(), (-x.clamp_max(MinusLn2).exp()).log1p());
}
