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

    /// <summary>Tokens that the model has not read yet: the prompt at first, then the last token drawn.</summary>
    internal int[] Unread => _generated.Count == 0 ? [.. Prompt] : [_generated[^1].Token.Id];

    internal GeneratedToken Draw(torch.Tensor logProbs)
    {
        GeneratedToken token = _sampler.Draw(logProbs);
        _generated.Add(token);
        return token;
    }

    /// <inheritdoc/>
    public void Dispose() => Cache.Dispose();
}
