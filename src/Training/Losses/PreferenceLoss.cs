using TorchSharp;
using TrainingService.Domain.Recipes;
using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>
/// The loss of a recipe: its losses summed with their weights (MPO, arXiv 2411.10442), times WPO's weights (arXiv
/// 2406.11827). Everything is a function of log-probabilities alone, so its backward pass yields one coefficient for each.
/// </summary>
internal static class PreferenceLoss
{
    /// <summary>
    /// The loss of each pair, (pairs,). Summed over a micro-batch and divided by <see cref="PairLogProbs.BatchPairs"/> it is
    /// the micro-batch's loss, however the micro-batch was split (except where <see cref="NeedsWholeBatch"/>).
    /// </summary>
    public static Tensor PerPair(TrainingRecipe recipe, PairLogProbs pairs)
    {
        using DisposeScope scope = NewDisposeScope();
        Terms terms = new(recipe, pairs);
        Tensor sum = zeros_like(pairs.SftChosen);
        for (int i = 0; i < recipe.LossTypes.Count; i++)
            sum = sum + PerPair(recipe.LossTypes[i], recipe, pairs, terms) * (recipe.LossWeights?[i] ?? 1);
        return scope.MoveToOuter(pairs.Weights is { } weights ? sum * weights : sum);
    }

    /// <summary>Whether a micro-batch must be given whole: these losses sort over it.</summary>
    public static bool NeedsWholeBatch(TrainingRecipe recipe) => recipe.LossTypes.Any(loss => loss is LossType.Aot or LossType.AotUnpaired);

    private static Tensor PerPair(LossType loss, TrainingRecipe recipe, PairLogProbs pairs, Terms terms) => loss switch
    {
        LossType.Sigmoid => SigmoidLoss.PerPair(terms.Margins, recipe.LabelSmoothing),
        LossType.Hinge => HingeLoss.PerPair(terms.Margins),
        LossType.Ipo => IpoLoss.PerPair(terms.MeanScoreMargins, recipe.Beta),
        LossType.ExoPair => ExoPairLoss.PerPair(terms.Margins, recipe.LabelSmoothing),
        LossType.NcaPair => NcaPairLoss.PerPair(terms.ChosenRewards, terms.RejectedRewards),
        LossType.Robust => RobustLoss.PerPair(terms.Margins, recipe.LabelSmoothing),
        LossType.BcoPair => BcoPairLoss.PerPair(terms.ChosenRewards, terms.RejectedRewards),
        LossType.SppoHard => SppoHardLoss.PerPair(terms.ChosenScores, terms.RejectedScores, recipe.Beta),
        LossType.Aot => AotLoss.Paired(pairs, recipe.Beta, recipe.LabelSmoothing),
        LossType.AotUnpaired => AotLoss.Unpaired(terms.ChosenScores, terms.RejectedScores, recipe.Beta, recipe.LabelSmoothing),
        LossType.ApoZero => ApoZeroLoss.PerPair(terms.ChosenRewards, terms.RejectedRewards),
        LossType.ApoDown => ApoDownLoss.PerPair(terms.ChosenRewards, terms.Margins),
        LossType.Discopop => DiscopopLoss.PerPair(terms.Margins, recipe.DiscopopTau),
        LossType.Sft => SftLoss.PerPair(pairs.SftChosen, pairs.BatchPairs, pairs.BatchChosenTokens),
        LossType.SigmoidNorm => SigmoidNormLoss.PerPair(terms.MeanScoreMargins * recipe.Beta),
        _ => throw new ArgumentOutOfRangeException(nameof(loss), loss, null),
    };

    /// <summary>What the losses are written in. Scores are log-ratios unless a divergence replaces them, rewards are β·scores.</summary>
    private sealed class Terms(TrainingRecipe recipe, PairLogProbs pairs)
    {
        public Tensor ChosenScores { get; } = Scores(recipe, pairs.PolicyChosen - pairs.ReferenceChosen);

        public Tensor RejectedScores { get; } = Scores(recipe, pairs.PolicyRejected - pairs.ReferenceRejected);

        public Tensor ChosenRewards => ChosenScores * recipe.Beta;

        public Tensor RejectedRewards => RejectedScores * recipe.Beta;

        public Tensor Margins => (ChosenScores - RejectedScores) * recipe.Beta;

        public Tensor MeanScoreMargins => ChosenScores / pairs.ChosenTokens - RejectedScores / pairs.RejectedTokens;

        private static Tensor Scores(TrainingRecipe recipe, Tensor logRatios) => FDivergence.Scores(logRatios, recipe.FDivergenceType, recipe.FAlphaDivergenceCoefficient);
    }
}
