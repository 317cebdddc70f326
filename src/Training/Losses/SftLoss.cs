using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>Cross-entropy of the chosen completions, the anchor of RPO and MPO (Pang et al., 2024, arXiv 2404.19733).</summary>
internal static class SftLoss
{
    /// <summary>Scaled so that the sum over a micro-batch divided by its pairs is the mean over its tokens.</summary>
    public static Tensor PerPair(Tensor chosenLogProbs, double batchPairs, double batchTokens) =>
        chosenLogProbs * (-batchPairs / batchTokens);
}
