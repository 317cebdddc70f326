using System.Text;

namespace TrainingService.Datasets.Tokenization;

/// <summary>
/// Decodes ids one at a time, as a model generates them. Text that a later id could still change (the first bytes of a
/// character) is held back; the pieces joined equal <see cref="ModelTokenizer.Decode"/> of all ids.
/// </summary>
public sealed class StreamingDecoder
{
    private readonly Func<int, string?> _tokenOf;
    private readonly StringBuilder _text = new();
    private readonly Action<string> _append;
    private readonly Action _flush;

    internal StreamingDecoder(TokenDecoders decoders, Func<int, string?> tokenOf)
    {
        _tokenOf = tokenOf;
        (_append, _flush) = decoders.Start(text => _text.Append(text));
    }

    /// <summary>Takes the next id and returns the text that is certain now; often empty. An unknown id has no text.</summary>
    public string Append(int id)
    {
        if (_tokenOf(id) is { } token)
        {
            _append(token);
        }
        return TakeText();
    }

    /// <summary>Returns what was held back; call it after the last id.</summary>
    public string Flush()
    {
        _flush();
        return TakeText();
    }

    private string TakeText()
    {
        var text = _text.ToString();
        _text.Clear();
        return text;
    }
}
