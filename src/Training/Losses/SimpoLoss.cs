using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>SimPO (Meng et al., 2024, arXiv 2405.14734): the logistic loss of length-normalised margins beyond a target.</summary>
internal static class SimpoLoss
{
    /// <summary>From differences of mean log-probabilities: −ls(β·Δ − γ), smoothed.</summary>
    public static Tensor PerPair(Tensor meanMargins, double beta, double gamma, double labelSmoothing) =>
        SigmoidLoss.PerPair(meanMargins * beta - gamma, labelSmoothing);
}
