using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TrainingService.Datasets.Tokenization;

/// <summary>
/// Rewrites a pattern from Oniguruma's dialect into .NET's. What means the same passes, what has an equivalent is
/// replaced, and everything else is an error: a pattern that is misread would give wrong ids without a word.
/// </summary>
internal sealed partial class PatternTranslation
{
    /// <summary>Oniguruma's <c>\w</c>; .NET's lacks enclosing and spacing marks, letter numbers and circled letters.</summary>
    private const string WordCharacters = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u24B6-\u24E9";

    /// <summary>More than any real pattern has; without a limit a hostile one overflows the stack.</summary>
    private const int DeepestNesting = 50;

    private readonly string _source;
    private readonly JsonComponent _component;
    private readonly StringBuilder _output = new();
    private readonly List<(int First, int Last)> _named = [];
    private int _position;
    private int _nesting;

    public PatternTranslation(string source, JsonComponent component)
    {
        _source = source;
        _component = component;
        Alternatives(ignoreCase: false);
        if (_position < source.Length)
        {
            throw NotUnderstood(")");
        }
        Pattern = _output.ToString();
    }

    /// <summary>The pattern for .NET.</summary>
    public string Pattern { get; }

    /// <summary>Whether the pattern speaks of this very character, alone or in a range.</summary>
    public bool Names(char character) => _named.Exists(range => character >= range.First && character <= range.Last);

    private void Alternatives(bool ignoreCase)
    {
        while (_position < _source.Length && _source[_position] != ')')
        {
            var start = _output.Length;
            Atom(ignoreCase);
            Quantifier(start);
        }
    }

    private void Atom(bool ignoreCase)
    {
        switch (_source[_position])
        {
            case '(':
                Group(ignoreCase);
                break;
            case '[':
                Class(ignoreCase);
                break;
            case '\\':
                Escape(inClass: false, ignoreCase);
                break;
            case '|' or '.' or '^' or '$':
                _output.Append(_source[_position++]);
                break;
            case '*' or '+' or '?' or '{':
                throw NotUnderstood(_source[_position].ToString());
            default:
                Literal(_source[_position++], inClass: false, ignoreCase);
                break;
        }
    }

    private void Group(bool ignoreCase)
    {
        var opening = GroupOpening().Match(_source, _position);
        if (!opening.Success)
        {
            throw NotUnderstood(_source.Substring(_position, Math.Min(4, _source.Length - _position)));
        }
        if (++_nesting > DeepestNesting)
        {
            throw NotUnderstood($"more than {DeepestNesting} nested groups");
        }
        _position += opening.Length;
        // Nobody asks what a group captured.
        _output.Append(opening.Value == "(" ? "(?:" : opening.Value);
        Alternatives(ignoreCase || opening.Value == "(?i:");
        if (_position == _source.Length)
        {
            throw NotUnderstood("( without )");
        }
        _output.Append(_source[_position++]);
        _nesting--;
    }

    /// <summary>What follows an atom; a possessive quantifier becomes an atomic group around atom and quantifier.</summary>
    private void Quantifier(int atomStart)
    {
        var quantifier = QuantifierText().Match(_source, _position);
        if (!quantifier.Success)
        {
            return;
        }
        _position += quantifier.Length;
        var possessive = quantifier.Length == 2 && quantifier.Value[1] == '+';
        _output.Append(possessive ? quantifier.Value[..1] : quantifier.Value);
        if (possessive)
        {
            _output.Insert(atomStart, "(?>").Append(')');
        }
    }

    private void Class(bool ignoreCase)
    {
        _output.Append(_source[_position++]);
        if (Peek() == '^')
        {
            _output.Append(_source[_position++]);
        }
        var first = true;
        for (; Peek() != ']' || first; first = false)
        {
            var lower = ClassMember(ignoreCase);
            if (Peek() == '-' && _position + 1 < _source.Length && _source[_position + 1] != ']')
            {
                _position++;
                _output.Append('-');
                var upper = ClassMember(ignoreCase);
                if (lower is null || upper is null || lower > upper)
                {
                    throw NotUnderstood("-");
                }
                _named.Add((lower.Value, upper.Value));
            }
        }
        _output.Append(_source[_position++]);
    }

    private char? ClassMember(bool ignoreCase)
    {
        var character = Peek();
        if (character == '\0' || character == '[' || _source.AsSpan(_position).StartsWith("&&"))
        {
            throw NotUnderstood(character == '\0' ? "[ without ]" : character == '[' ? "[ inside [ ]" : "&&");
        }
        if (character == '\\')
        {
            return Escape(inClass: true, ignoreCase);
        }
        _position++;
        return Literal(character, inClass: true, ignoreCase);
    }

    /// <summary>Returns the character that the escape stands for, or null when it stands for a class of them.</summary>
    private char? Escape(bool inClass, bool ignoreCase)
    {
        var escape = EscapeText().Match(_source, _position);
        if (!escape.Success)
        {
            throw NotUnderstood(_source.Substring(_position, Math.Min(2, _source.Length - _position)));
        }
        _position += escape.Length;
        if (escape.Groups["code"] is { Success: true } code)
        {
            return int.TryParse(code.Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value) && value <= char.MaxValue
                ? Literal((char)value, inClass, ignoreCase)
                : throw NotUnderstood(escape.Value);
        }
        if (escape.Groups["literal"] is { Success: true } literal)
        {
            return Literal(literal.Value[0], inClass, ignoreCase);
        }
        if (escape.Value is @"\w")
        {
            _output.Append(inClass ? WordCharacters : $"[{WordCharacters}]");
        }
        else if (escape.Value is @"\W")
        {
            _output.Append(inClass ? throw NotUnderstood(@"\W inside [ ]") : $"[^{WordCharacters}]");
        }
        else
        {
            _output.Append(escape.Value);
        }
        return null;
    }

    private char Literal(char character, bool inClass, bool ignoreCase)
    {
        if (char.IsSurrogate(character))
        {
            throw NotUnderstood("characters beyond U+FFFF");
        }
        _named.Add((character, character));
        var text = $"\\u{(int)character:X4}";
        // Case folding makes the long s an s (as "'s" in "'ſ"); .NET's does not.
        var longS = ignoreCase && character is 's' or 'S' ? "\u017F" : "";
        _output.Append(inClass || longS.Length == 0 ? text + longS : $"[{text}{longS}]");
        return character;
    }

    private char Peek() => _position < _source.Length ? _source[_position] : '\0';

    private TokenizerFormatException NotUnderstood(string what) =>
        _component.Error($"'{what}' in the pattern '{_source}' is not understood");

    [GeneratedRegex(@"\G\((?:\?(?:i?:|=|!|<=|<!|>)|(?!\?))")]
    private static partial Regex GroupOpening();

    // Not {n}?: lazy to .NET, optional to Oniguruma.
    [GeneratedRegex(@"\G(?:[*+?][?+]?|\{[0-9]{1,6}\}|\{[0-9]{1,6},[0-9]{0,6}\}\??)(?![*+?{])")]
    private static partial Regex QuantifierText();

    [GeneratedRegex(@"\G\\(?:[sSdDwWrntfv]|[pP]\{[LMNPSZC][a-z]?\}|u(?<code>[0-9A-Fa-f]{4})|x(?<code>[0-9A-Fa-f]{2})|x\{(?<code>[0-9A-Fa-f]{1,6})\}|(?<literal>[^\w\s]))")]
    private static partial Regex EscapeText();
}
