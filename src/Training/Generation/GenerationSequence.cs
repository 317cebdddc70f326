using TorchSharp;

namespace TrainingService.Training.Generation;

/// <summary>One text being continued: its prompt, what was drawn so far, and the model's memory of both.</summary>
public sealed class GenerationSequence : IDisposable
{
    private readonly List<GeneratedToken> _generated = [];
    private readonly TokenSampler _sampler;

    internal GenerationSequence(int[] prompt, SamplingOptions sampling, int layers)
    {
        Prompt = prompt;
        Cache = new(layers);
        _sampler = new(sampling);
    }

    /// <summary>The prompt's token ids.</summary>
    public IReadOnlyList<int> Prompt { get; }

    /// <summary>The drawn tokens.</summary>
    public IReadOnlyList<GeneratedToken> Generated => _generated;

    internal KeyValueCache Cache { get; }

    /// <summary>Tokens that the model has not read yet: all at first, then the last token drawn.</summary>
    internal int[] Unread => Cache.Length > 0 ? [_generated[^1].Token.Id] : [.. Prompt, .. _generated.Select(g => g.Token.Id)];

    /// <summary>Forgets what was read when the next token is the first beyond a boundary, since keys so far are turned otherwise.</summary>
    internal void RereadBeyond(int? boundary)
    {
        if (Cache.Length == boundary) Cache.Clear();
    }

    internal GeneratedToken Draw(torch.Tensor logProbs)
    {
        GeneratedToken token = _sampler.Draw(logProbs);
        _generated.Add(token);
        return token;
    }

    /// <inheritdoc/>
    public void Dispose() => Cache.Dispose();
}
