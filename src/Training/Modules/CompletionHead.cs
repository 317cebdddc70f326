using TorchSharp;
using TrainingService.Training.Adapters;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>What the head says of each completion token. All tensors (completion tokens,), float32.</summary>
/// <param name="LogProbs">log π of the token.</param>
/// <param name="Entropy">Entropy of the next-token distribution in nats; null when not asked for.</param>
/// <param name="MeanLogit">Mean logit over the vocabulary; null when not asked for.</param>
/// <param name="IsFirstChoice">1 where the token has the largest logit, else 0; null when not asked for.</param>
/// <param name="LogSquareSum">log Σ p² over the vocabulary; null when not asked for.</param>
internal sealed record TokenStatistics(Tensor LogProbs, Tensor? Entropy, Tensor? MeanLogit, Tensor? IsFirstChoice, Tensor? LogSquareSum);

/// <summary>What is asked of the head besides log-probabilities.</summary>
[Flags]
internal enum HeadOutputs
{
    /// <summary>Log-probabilities alone.</summary>
    LogProbs = 0,

    /// <summary>Entropy, mean logit, first choice.</summary>
    Metrics = 1,

    /// <summary>log Σ p², for WPO.</summary>
    LogSquareSum = 2,

    /// <summary>The gradient's direction, for a backward pass.</summary>
    Gradient = 4,
}

/// <summary>
/// The vocabulary projection over completion positions alone, in chunks, so that no (tokens, vocabulary) tensor survives.
/// A loss of log-probabilities has one scalar a token as gradient, so the direction (onehot − softmax) · W is computed on
/// the way forward and scaled later: 4 instead of 6 products a weight.
/// </summary>
/// <param name="matrix">(vocabulary, hidden); an adapter may train a copy of it.</param>
/// <param name="bias">(vocabulary,), or null.</param>
/// <param name="softCap">Bounds the logits to ± this, smoothly: cap · tanh(logit / cap); null leaves them.</param>
internal sealed class CompletionHead(VocabularyMatrix matrix, Tensor? bias, double? softCap = null) : IDisposable
{
    /// <summary>Completion tokens a chunk.</summary>
    private const int Chunk = 128;

    /// <summary>Rows of the matrix that are summed at a time.</summary>
    private const int SummedRows = 1024;

    private readonly Tensor _meanWeight = MeanOf(matrix.Weight);

    /// <summary>Logits of the given hidden states: (rows, hidden) → (rows, vocabulary).</summary>
    public Tensor Logits(Tensor hidden, LoraAdapter? adapter)
    {
        using DisposeScope scope = NewDisposeScope();
        return Logits(hidden, WeightOf(adapter)).MoveToOuterDisposeScope();
    }

    /// <summary>Statistics of <paramref name="targets"/> (completion tokens,) given normed hidden states (completion tokens, hidden).</summary>
    /// <returns>The statistics, and d log π / d hidden (completion tokens, hidden) when asked for.</returns>
    public (TokenStatistics Statistics, Tensor? Direction) Forward(Tensor hidden, Tensor targets, HeadOutputs outputs, LoraAdapter? adapter)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = WeightOf(adapter);
        long tokens = targets.shape[0];
        bool metrics = outputs.HasFlag(HeadOutputs.Metrics);
        Tensor logProbs = Values(true)!;
        Tensor? entropy = Values(metrics), meanLogit = Values(metrics && softCap is not null), first = Values(metrics), squares = Values(outputs.HasFlag(HeadOutputs.LogSquareSum));
        Tensor? direction = outputs.HasFlag(HeadOutputs.Gradient) ? empty_like(hidden) : null;
        for (long start = 0; start < tokens; start += Chunk)
        {
            using DisposeScope inner = NewDisposeScope();
            long n = Math.Min(Chunk, tokens - start);
            Tensor h = hidden.narrow(0, start, n), target = targets.narrow(0, start, n).unsqueeze(1);
            Tensor logits = Logits(h, weight), logSoftmax = logits.log_softmax(1, ScalarType.Float32);
            Tensor chosen = logSoftmax.gather(1, target);
            logProbs.narrow(0, start, n).copy_(chosen.squeeze(1));
            first?.narrow(0, start, n).copy_(chosen.eq(logSoftmax.amax([1], keepdim: true)).squeeze(1));
            squares?.narrow(0, start, n).copy_((logSoftmax * 2).logsumexp(1));
            meanLogit?.narrow(0, start, n).copy_(logits.mean([1], type: ScalarType.Float32));
            if (direction is null && entropy is null) continue;
            Tensor softmax = logSoftmax.exp();
            entropy?.narrow(0, start, n).copy_(logSoftmax.mul_(softmax).sum(1).neg_());
            direction?.narrow(0, start, n).copy_(Direction(weight, softmax.to_type(hidden.dtype), logits, target));
        }
        if (metrics) meanLogit ??= MeanLogit(hidden, adapter?.Find(matrix)?.Mean() ?? _meanWeight);
        return (new(logProbs.MoveToOuterDisposeScope(), entropy?.MoveToOuterDisposeScope(), meanLogit?.MoveToOuterDisposeScope(), first?.MoveToOuterDisposeScope(), squares?.MoveToOuterDisposeScope()),
            direction?.MoveToOuterDisposeScope());

        Tensor? Values(bool asked) => asked ? empty([tokens], ScalarType.Float32, hidden.device) : null;
    }

    /// <summary>The gradient of the hidden states, (completion tokens, hidden); that of the matrix is added to the adapter's where it trains a copy.</summary>
    /// <param name="hidden">What <see cref="Forward"/> was given.</param>
    /// <param name="targets">What it was given.</param>
    /// <param name="direction">What it returned; scaled in place.</param>
    /// <param name="coefficients">∂ loss / ∂ log π of each completion token, (completion tokens,).</param>
    /// <param name="adapter">What it was given.</param>
    public Tensor Backward(Tensor hidden, Tensor targets, Tensor direction, Tensor coefficients, LoraAdapter? adapter)
    {
        if (adapter?.Find(matrix)?.Gradient is { } gradient) AddMatrixGradient(gradient, hidden, targets, coefficients, WeightOf(adapter));
        return direction.mul_(coefficients.to_type(direction.dtype).unsqueeze(1));
    }

    public void Dispose() => _meanWeight.Dispose();

    /// <summary>Σ ∂ loss / ∂ logits ⊗ hidden over the tokens: the logits are computed again rather than kept.</summary>
    private void AddMatrixGradient(Tensor gradient, Tensor hidden, Tensor targets, Tensor coefficients, Tensor weight)
    {
        for (long start = 0; start < targets.shape[0]; start += Chunk)
        {
            using DisposeScope inner = NewDisposeScope();
            long n = Math.Min(Chunk, targets.shape[0] - start);
            Tensor h = hidden.narrow(0, start, n), target = targets.narrow(0, start, n).unsqueeze(1), coefficient = coefficients.narrow(0, start, n).unsqueeze(1);
            Tensor logits = Logits(h, weight);
            Tensor ofLogits = logits.softmax(1, ScalarType.Float32).mul_(-coefficient).scatter_add_(1, target, coefficient);
            if (softCap is { } cap) ofLogits.mul_(Slope(logits, cap));
            gradient.add_(ofLogits.to_type(h.dtype).t().mm(h));
        }
    }

    private Tensor WeightOf(LoraAdapter? adapter) => adapter?.Find(matrix)?.In(matrix.Weight.dtype) ?? matrix.Weight;

    private Tensor Logits(Tensor hidden, Tensor weight)
    {
        Tensor logits = nn.functional.linear(hidden, weight, bias);
        return softCap is { } cap ? logits.div_(cap).tanh_().mul_(cap) : logits;
    }

    /// <summary>(onehot − softmax) · W.</summary>
    private Tensor Direction(Tensor weight, Tensor softmax, Tensor logits, Tensor target)
    {
        Tensor direct = weight.index_select(0, target.squeeze(1));
        if (softCap is not { } cap) return direct.sub_(softmax.mm(weight));
        Tensor slope = Slope(logits, cap);
        return direct.mul_(slope.gather(1, target)).sub_(softmax.mul_(slope).mm(weight));
    }

    /// <summary>A capped logit passes on 1 − (logit / cap)² of its gradient.</summary>
    private static Tensor Slope(Tensor logits, double cap) => (logits / cap).square().neg_().add_(1);

    /// <summary>Mean of the rows, in parts: libtorch would hold the whole matrix in float32 first.</summary>
    private static Tensor MeanOf(Tensor weight)
    {
        using DisposeScope scope = NewDisposeScope();
        (long rows, long columns) = (weight.shape[0], weight.shape[1]);
        Tensor sum = zeros([columns], ScalarType.Float32, weight.device);
        for (long start = 0; start < rows; start += SummedRows)
        {
            using DisposeScope inner = NewDisposeScope();
            sum.add_(weight.narrow(0, start, Math.Min(SummedRows, rows - start)).sum([0], type: ScalarType.Float32));
        }
        return sum.div_(rows).DetachFromDisposeScope();
    }

    /// <summary>The vocabulary's mean logit is the product with the vocabulary's mean weight.</summary>
    private Tensor MeanLogit(Tensor hidden, Tensor meanWeight)
    {
        Tensor mean = hidden.to_type(ScalarType.Float32).mv(meanWeight);
        return bias is null ? mean : mean.add_(bias.mean([0], type: ScalarType.Float32));
    }
}
