using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Batching;
using TrainingService.Training.Losses;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Trainers;

/// <summary>Loss and metrics of one pack, from what the head said of its completion tokens.</summary>
internal sealed class PackScores
{
    private readonly Tensor _logProbs;

    /// <param name="recipe">The recipe.</param>
    /// <param name="packed">The pack.</param>
    /// <param name="tokens">What the head said.</param>
    /// <param name="reference">The reference's summed log-probabilities, (2 · pairs,).</param>
    /// <param name="batch">The micro-batch that the pack is a part of.</param>
    public PackScores(TrainingRecipe recipe, PackedBatch packed, TokenStatistics tokens, Tensor reference, BatchSums batch)
    {
        (Packed, Tokens, Reference) = (packed, tokens, reference);
        // The loss is a function of the log-probabilities alone: a graph of a few small tensors.
        using var _ = enable_grad();
        _logProbs = tokens.LogProbs.detach().requires_grad_();
        Tensor plain = Sum(packed, _logProbs, null);
        Tensor? tokenWeights = TokenWeights(recipe, packed, _logProbs.device);
        Policy = tokenWeights is null ? plain : Sum(packed, _logProbs, tokenWeights);
        Lengths = tensor(packed.CompletionLengths.Select(n => (float)n).ToArray(), device: _logProbs.device);
        Loss = PreferenceLoss.PerPair(recipe, new()
        {
            PolicyChosen = Chosen(Policy),
            PolicyRejected = Rejected(Policy),
            ReferenceChosen = Chosen(reference),
            ReferenceRejected = Rejected(reference),
            ChosenTokens = Chosen(Lengths),
            RejectedTokens = Rejected(Lengths),
            SftChosen = Chosen(plain),
            BatchPairs = batch.Pairs,
            BatchChosenTokens = batch.ChosenTokens,
            Weights = recipe.UseWeighting ? PairWeights() : null,
        }).sum() / batch.Pairs;
    }

    /// <summary>The pack.</summary>
    public PackedBatch Packed { get; }

    /// <summary>What the head said.</summary>
    public TokenStatistics Tokens { get; }

    /// <summary>The policy's summed log-probabilities, (2 · pairs,): chosen and rejected in turn.</summary>
    public Tensor Policy { get; }

    /// <summary>The reference's, likewise.</summary>
    public Tensor Reference { get; }

    /// <summary>Tokens of each completion, likewise.</summary>
    public Tensor Lengths { get; }

    /// <summary>The pack's share of the micro-batch's mean loss, a scalar.</summary>
    public Tensor Loss { get; }

    /// <summary>∂ (scale · loss) / ∂ log π of each completion token, (completion tokens,).</summary>
    public Tensor LogProbGradient(double scale)
    {
        using var _ = enable_grad();
        (Loss * scale).backward();
        return _logProbs.grad!;
    }

    /// <summary>A fresh adapter changes nothing, so before the first step policy and reference must agree.</summary>
    /// <exception cref="InvalidOperationException">They do not: the reference is not what the policy started from.</exception>
    public void RequireEqualToReference()
    {
        double differ = (Policy - Reference).abs().div_(Reference.abs().add_(1)).max().item<float>();
        if (differ > 1e-3)
            throw new InvalidOperationException($"Before the first step the policy's log-probabilities differ from the reference's by {differ:g3} of their size; they must be equal.");
    }

    /// <summary>Log-probabilities summed over each completion's tokens, (2 · pairs,).</summary>
    public static Tensor Sum(PackedBatch packed, Tensor perToken, Tensor? tokenWeights) =>
        zeros([packed.CompletionLengths.Count], ScalarType.Float32, perToken.device)
            .index_add(0, packed.Owners, tokenWeights is null ? perToken : perToken * tokenWeights, 1);

    /// <summary>LD-DPO's weights (arXiv 2409.06411): 1 up to the shorter completion's length, α beyond; null when off.</summary>
    public static Tensor? TokenWeights(TrainingRecipe recipe, PackedBatch packed, Device device)
    {
        if (recipe.LdAlpha is not { } alpha) return null;
        var weights = new List<float>();
        for (int i = 0; i < packed.CompletionLengths.Count; i++)
        {
            int common = Math.Min(packed.CompletionLengths[i], packed.CompletionLengths[i ^ 1]);
            for (int k = 0; k < packed.CompletionLengths[i]; k++) weights.Add(k < common ? 1 : (float)alpha);
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
        Tensor means = Sum(Packed, Tokens.LogProbs - Tokens.LogSquareSum!, null) / Lengths;
        return (Chosen(means) + Rejected(means)).exp();
    }
}
