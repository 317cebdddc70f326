using System.Text;

namespace TrainingService.Datasets.Tokenization;

/// <summary>
/// One step on the way from tokens to text. Steps are chained, take one token at a time, and pass on what no later token
/// can change: decoding at once and decoding as a stream are the same code.
/// </summary>
internal abstract class TokenDecoder(Action<string> next)
{
    protected Action<string> Next { get; } = next;

    public abstract void Append(string token);

    /// <summary>No token follows: passes on what was held back.</summary>
    public virtual void Flush()
    {
    }
}

/// <summary>Byte-level tokens to UTF-8 text; bytes that are none become U+FFFD.</summary>
internal sealed class ByteLevelDecoder(Action<string> next) : TokenDecoder(next)
{
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();

    public override void Append(string token) => Decode(ByteAlphabet.Bytes(token), flush: false);

    public override void Flush() => Decode([], flush: true);

    private void Decode(byte[] bytes, bool flush)
    {
        var characters = new char[_utf8.GetCharCount(bytes, flush)];
        _utf8.GetChars(bytes, characters, flush);
        Next(new string(characters));
    }
}

/// <summary>
/// Tokens <c>&lt;0xNN&gt;</c> to bytes. A run of them is one text, or, when it is not UTF-8, one U+FFFD a byte:
/// so nothing of a run can be passed on before its end.
/// </summary>
internal sealed class ByteFallbackDecoder(Action<string> next) : TokenDecoder(next)
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly List<byte> _run = [];

    public override void Append(string token)
    {
        if (token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && char.IsAsciiHexDigit(token[3]) && char.IsAsciiHexDigit(token[4]))
        {
            _run.Add(Convert.ToByte(token[3..5], 16));
            return;
        }
        Flush();
        Next(token);
    }

    public override void Flush()
    {
        if (_run.Count == 0)
        {
            return;
        }
        try
        {
            Next(StrictUtf8.GetString([.. _run]));
        }
        catch (DecoderFallbackException)
        {
            _run.ForEach(_ => Next("\uFFFD"));
        }
        _run.Clear();
    }
}

/// <summary>Changes each token by itself; told which is the first.</summary>
internal sealed class EachTokenDecoder(Func<string, bool, string> change, Action<string> next) : TokenDecoder(next)
{
    private bool _isFirst = true;

    public override void Append(string token)
    {
        Next(change(token, _isFirst));
        _isFirst = false;
    }
}

/// <summary>Removes up to <paramref name="limit"/> leading characters from a text that arrives in parts.</summary>
internal sealed class LeadingStripDecoder(char content, int limit, Action<string> next) : TokenDecoder(next)
{
    private int _left = limit;

    public override void Append(string token)
    {
        var start = 0;
        while (start < token.Length && _left > 0)
        {
            if (token[start] == content)
            {
                start++;
                _left--;
            }
            else
            {
                _left = 0;
            }
        }
        Next(token[start..]);
    }
}

/// <summary>Changes the whole text, which has to be waited for.</summary>
internal sealed class WholeTextDecoder(Func<string, string> change, Action<string> next) : TokenDecoder(next)
{
    private readonly StringBuilder _text = new();

    public override void Append(string token) => _text.Append(token);

    public override void Flush()
    {
        Next(change(_text.ToString()));
        _text.Clear();
    }
}
