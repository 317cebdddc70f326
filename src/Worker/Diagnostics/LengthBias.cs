using static TrainingService.Worker.Diagnostics.Finding;

namespace TrainingService.Worker.Diagnostics;

/// <summary>
/// Chosen answers are nearly always the longer ones, or nearly always the shorter: length alone then tells them apart, and
/// is learnt first (Singhal et al., 2023, arXiv 2310.03716; Park et al., 2024, arXiv 2403.19159).
/// </summary>
internal static class LengthBias
{
    // The usual preference sets have their chosen answers longer in 55 to 65 % of the pairs.
    private const double FarFromHalf = 0.25;

    // With so many pairs a fair coin is that far from one half about once in fifty files.
    private const int FewestPairs = 20;

    public static Finding? Look(RunHistory run)
    {
        (double share, double chosen, double rejected) = (run.Rows.ChosenLongerShare, run.Rows.ChosenTokens, run.Rows.RejectedTokens);
        // The tokens too: pairs of equal length count as neither.
        bool longer = share > 0.5 + FarFromHalf && chosen > rejected, shorter = share < 0.5 - FarFromHalf && chosen < rejected;
        if (run.Rows.Rows < FewestPairs || !(longer || shorter)) return null;
        return new("length_bias",
            $"The chosen answer is the longer one in {Percent(share)} of the pairs: {Shown(chosen)} tokens on average, the rejected one {Shown(rejected)}.",
            $"Length alone tells them apart, so answers may grow {(longer ? "longer" : "shorter")} rather than better.",
            $"If that is not what you want, add pairs whose chosen answer is the {(longer ? "shorter" : "longer")} one, or try loss_type sigmoid_norm or ld_alpha 0.5 (method dpo), or SimPO (method cpo, loss_type simpo).")
        {
            Numbers = new Dictionary<string, double> { ["chosen_longer_share"] = share, ["chosen_tokens"] = chosen, ["rejected_tokens"] = rejected },
        };
    }
}
