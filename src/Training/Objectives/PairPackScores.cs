using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Batching;
using TrainingService.Training.Losses;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Objectives;

/// <summary>Loss and metrics of one pack of pairs, from what the head said of its targets.</summary>
internal sealed class PairPackScores
{
    private readonly Tensor _logProbs;

    /// <param name="recipe">The recipe.</param>
    /// <param name="packed">The pack.</param>
    /// <param name="tokens">What the head said.</param>
    /// <param name="reference">The reference's summed log-probabilities, (2 · pairs,); null when there is no reference.</param>
    /// <param name="batch">The micro-batch that the pack is a part of.</param>
    public PairPackScores(TrainingRecipe recipe, PackedBatch packed, TokenStatistics tokens, Tensor? reference, PairSums batch)
    {
        (Packed, Tokens) = (packed, tokens);
        // The loss is a function of the log-probabilities alone: a graph of a few small tensors.
        using var _ = enable_grad();
        _logProbs = tokens.LogProbs.detach().requires_grad_();
        Tensor perOwner = packed.Sum(_logProbs), sums = perOwner.narrow(0, 0, 2 * packed.Spans.Count);
        Lengths = tensor(packed.TargetCounts.Take(2 * packed.Spans.Count).Select(n => (float)n).ToArray(), device: _logProbs.device);
        Policy = recipe.Method switch
        {
            TrainingMethod.Dpo => TokenWeights(recipe, packed, _logProbs.device) is { } weights ? packed.Sum(_logProbs, weights) : sums,
            TrainingMethod.Orpo => sums / Lengths,
            _ => recipe.CpoLossType is CpoLossType.Ipo or CpoLossType.Simpo ? sums / Lengths : sums,
        };
        Reference = reference ?? zeros_like(Policy);
        // ORPO's cross-entropy is that of the whole chosen text, its prompt included.
        Tensor imitated = recipe.Method == TrainingMethod.Orpo ? Chosen(sums) + perOwner.narrow(0, 2 * packed.Spans.Count, packed.Spans.Count) : Chosen(sums);
        CrossEntropies = SftLoss.PerPair(imitated, batch.Pairs, batch.ImitatedTokens);
        Losses = recipe.Method switch
        {
            TrainingMethod.Dpo => PreferenceLoss.PerPair(recipe, new()
            {
                PolicyChosen = Chosen(Policy),
                PolicyRejected = Rejected(Policy),
                ReferenceChosen = Chosen(Reference),
                ReferenceRejected = Rejected(Reference),
                ChosenTokens = Chosen(Lengths),
                RejectedTokens = Rejected(Lengths),
                SftChosen = Chosen(sums),
                BatchPairs = batch.Pairs,
                BatchChosenTokens = batch.ImitatedTokens,
                Weights = recipe.UseWeighting ? PairWeights() : null,
            }),
            TrainingMethod.Orpo => CrossEntropies + OddsRatioLoss.PerPair(LogOdds, recipe.Beta),
            TrainingMethod.Cpo when recipe.CpoAlpha == 0 => ContrastiveLoss.PerPair(recipe, Chosen(Policy), Rejected(Policy)),
            TrainingMethod.Cpo => ContrastiveLoss.PerPair(recipe, Chosen(Policy), Rejected(Policy)) + CrossEntropies * recipe.CpoAlpha,
            _ => throw new ArgumentOutOfRangeException(nameof(recipe), recipe.Method, null),
        };
        Loss = Losses.sum() / batch.Pairs;
    }

    /// <summary>The pack.</summary>
    public PackedBatch Packed { get; }

    /// <summary>What the head said.</summary>
    public TokenStatistics Tokens { get; }

    /// <summary>The policy's log-probabilities, (2 · pairs,), chosen and rejected in turn: summed, or a token's mean where the method says so.</summary>
    public Tensor Policy { get; }

    /// <summary>The reference's, likewise; zeros when there is none.</summary>
    public Tensor Reference { get; }

    /// <summary>Tokens of each completion, likewise.</summary>
    public Tensor Lengths { get; }

    /// <summary>Cross-entropy of each chosen text, (pairs,), scaled so that the micro-batch's sum divided by its pairs is the mean over its tokens.</summary>
    public Tensor CrossEntropies { get; }

    /// <summary>Log odds ratio of each pair, (pairs,), from a token's mean log-probabilities.</summary>
    public Tensor LogOdds => OddsRatioLoss.LogOdds(Chosen(Policy), Rejected(Policy));

    /// <summary>The pack's share of the micro-batch's mean loss, a scalar.</summary>
    public Tensor Loss { get; }

    private Tensor Losses { get; }

    /// <summary>∂ (scale · loss) / ∂ log π of each target, (targets,).</summary>
    public Tensor LogProbGradient(double scale)
    {
        using var _ = enable_grad();
        (Loss * scale).backward();
        return _logProbs.grad!;
    }

    /// <summary>A fresh adapter changes nothing, so before the first step policy and reference must agree.</summary>
    /// <exception cref="InvalidOperationException">They do not: the reference is not what the policy started from.</exception>
    public void RequireEqualToReference() => ReferenceLogProbs.RequireEqual(Policy, Reference);

    /// <summary>LD-DPO's weights (arXiv 2409.06411): 1 up to the shorter completion's length, α beyond; null when off.</summary>
    public static Tensor? TokenWeights(TrainingRecipe recipe, PackedBatch packed, Device device)
    {
        if (recipe.LdAlpha is not { } alpha) return null;
        var weights = new List<float>();
        for (int i = 0; i < packed.TargetCounts.Count; i++)
        {
            int common = Math.Min(packed.TargetCounts[i], packed.TargetCounts[i ^ 1]);
            for (int k = 0; k < packed.TargetCounts[i]; k++) weights.Add(k < common ? 1 : (float)alpha);
        }
        return tensor(weights.ToArray(), device: device);
    }

    /// <summary>Every second element from the first: the chosen ones.</summary>
    public static Tensor Chosen(Tensor values) => values.view(-1, 2).select(1, 0);

    /// <summary>Every second element from the second: the rejected ones.</summary>
    public static Tensor Rejected(Tensor values) => values.view(-1, 2).select(1, 1);

    /// <summary>WPO's weight of each pair (arXiv 2406.11827): the product of its completions' exp(mean log π − log Σ p²).</summary>
    private Tensor PairWeights()
    {
        using var _ = no_grad();
        Tensor means = Packed.Sum(Tokens.LogProbs - Tokens.LogSquareSum!) / Lengths;
        return (Chosen(means) + Rejected(means)).exp();
    }
}
