using TorchSharp;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Adapters;

/// <summary>
/// What perturbs the passes of training: dropout of the pairs' inputs, and noise on embeddings (NEFTune, Jain et al., 2023,
/// arXiv 2310.05914). Drawn from a seed of its own a micro-batch, so that no generator's state need be saved, and on the CPU,
/// where TorchSharp's generators are: all devices draw the same.
/// </summary>
/// <param name="dropout">Probability that an input is dropped.</param>
/// <param name="device">The model's device.</param>
internal sealed class AdapterNoise(double dropout, Device device) : IDisposable
{
    private Generator? _generator;
    private double? _embeddingAlpha;

    /// <summary>Perturbs the passes that follow.</summary>
    /// <param name="seed">Decides what is drawn.</param>
    /// <param name="embeddingAlpha">NEFTune's alpha, or null for embeddings as they are.</param>
    public void Begin(long seed, double? embeddingAlpha)
    {
        End();
        _embeddingAlpha = embeddingAlpha;
        if (dropout > 0 || embeddingAlpha is not null) _generator = new((ulong)seed);
    }

    /// <summary>Leaves the passes that follow as they are.</summary>
    public void End()
    {
        _generator?.Dispose();
        _generator = null;
    }

    /// <summary>A mask of 0 and 1/(1−p) for a pair's input (tokens, in), or null when nothing is dropped.</summary>
    public Tensor? DropoutMask(Tensor input)
    {
        if (_generator is null || dropout == 0) return null;
        using DisposeScope scope = NewDisposeScope();
        Tensor kept = rand(input.shape, ScalarType.Float32, CPU, generator: _generator).ge(dropout).to(device);
        return kept.to_type(input.dtype).mul_(1 / (1 - dropout)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Uniform noise of ± alpha / √(length · hidden) for embeddings (tokens, hidden), float32, or null when there is none.
    /// The length is each sequence's own, of a packed pair the longer one's, where transformers takes the padded batch's:
    /// what else lies in a batch does not change a row's noise.
    /// </summary>
    public Tensor? EmbeddingNoise(IReadOnlyList<SequenceRows> sequences, long hidden)
    {
        if (_generator is null || _embeddingAlpha is not { } alpha) return null;
        using DisposeScope scope = NewDisposeScope();
        float[] bounds = [.. sequences.SelectMany(s => Enumerable.Repeat((float)(alpha / Math.Sqrt((double)s.Length * hidden)), s.Rows))];
        Tensor noise = rand([bounds.Length, hidden], ScalarType.Float32, CPU, generator: _generator).mul_(2).sub_(1).to(device);
        return noise.mul_(tensor(bounds, device: device).unsqueeze(1)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => End();
}
