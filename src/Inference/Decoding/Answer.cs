using TrainingService.Datasets.Tokenization;
using TrainingService.Inference.Requests;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Decoding;

/// <summary>
/// One answer being written: tokens come in from the decoding thread, parts of text go out to the request. Text that a
/// later token could still change or that could begin a stop text is held back.
/// </summary>
internal sealed class Answer
{
    private readonly int _index;
    private readonly AnswerSettings _settings;
    private readonly IReadOnlyList<int> _endIds;
    private readonly AnswerChannel _channel;
    private readonly StreamingDecoder? _decoder;
    private readonly StopScanner _stop;
    private readonly Queue<(PlacedToken Token, int Start, int End)> _pending = new();
    private int _drawn, _decoded, _codePoints, _released;

    /// <param name="index">Its place among the request's answers.</param>
    /// <param name="prompt">Token ids of the prompt.</param>
    /// <param name="maxTokens">Most tokens to draw, at least one.</param>
    /// <param name="settings">The request's settings.</param>
    /// <param name="sampling">How tokens are drawn.</param>
    /// <param name="endIds">Token ids that end the answer.</param>
    /// <param name="tokenizer">The model's tokenizer; null where it has none, which leaves the text empty.</param>
    /// <param name="continuesText">Whether the answer goes on with the prompt's text, so that a word or a character may be broken between them.</param>
    /// <param name="channel">Takes the parts.</param>
    public Answer(int index, IReadOnlyList<int> prompt, int maxTokens, AnswerSettings settings, SamplingOptions sampling, IReadOnlyList<int> endIds, ModelTokenizer? tokenizer, bool continuesText, AnswerChannel channel)
    {
        (_index, Prompt, MaxTokens, _settings, Sampling, _endIds, _channel) = (index, prompt, maxTokens, settings, sampling, endIds, channel);
        _decoder = tokenizer?.CreateStreamingDecoder(skipSpecialTokens: true);
        _stop = new(settings.Stop);
        if (continuesText)
            foreach (int id in prompt) _decoder?.Append(id);
    }

    /// <summary>Token ids of the prompt.</summary>
    public IReadOnlyList<int> Prompt { get; }

    /// <summary>Most tokens to draw.</summary>
    public int MaxTokens { get; }

    /// <summary>How tokens are drawn.</summary>
    public SamplingOptions Sampling { get; }

    /// <summary>Whether nobody waits for the answer any more.</summary>
    public bool IsAbandoned => _channel.IsAbandoned;

    /// <summary>Takes the next token; says whether another is wanted.</summary>
    public bool Append(GeneratedToken token)
    {
        if (_endIds.Contains(token.Token.Id)) return End(AnswerEnd.Stop);
        _drawn++;
        string decoded = _decoder?.Append(token.Token.Id) ?? "";
        if (_settings.TopLogProbs is not null) _pending.Enqueue((new(token, _codePoints), _decoded, _decoded + decoded.Length));
        string certain = Scan(decoded);
        if (_stop.Found)
        {
            Release(certain, new(AnswerEnd.Stop, _drawn));
            return false;
        }
        if (_drawn == MaxTokens) return End(AnswerEnd.Length, certain);
        // Without texts, tokens wait for nothing.
        if (certain.Length > 0 || (_decoder is null && _pending.Count > 0)) Release(certain, null);
        return true;
    }

    /// <summary>The answer cannot be written.</summary>
    public void Fail(Exception exception) => _channel.Fail(exception);

    private bool End(string reason, string certain = "")
    {
        certain += Scan(_decoder?.Flush() ?? "");
        if (_stop.Found) reason = AnswerEnd.Stop;
        else certain += _stop.Flush();
        Release(certain, new(reason, _drawn));
        return false;
    }

    private string Scan(string decoded)
    {
        _decoded += decoded.Length;
        _codePoints += decoded.Length - decoded.Count(char.IsLowSurrogate);
        return _stop.Append(decoded);
    }

    private void Release(string text, AnswerEnd? end)
    {
        _released += text.Length;
        List<PlacedToken> tokens = [];
        // Before the end a token goes out once its whole text did; a stop text cuts off the tokens that lie behind it.
        while (_pending.TryPeek(out var next) && (end is null ? next.End <= _released : !_stop.Found || next.Start < _released))
            tokens.Add(_pending.Dequeue().Token);
        _channel.Write(new(_index, text, tokens, end));
    }
}
