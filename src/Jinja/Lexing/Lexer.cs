using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Lexing;

/// <summary>
/// Splits a template into tokens, trimming the text around tags as Jinja2 does with trim_blocks and lstrip_blocks:
/// a block or comment takes the newline after it and the indentation before it, "-" takes all white space,
/// "+" keeps everything.
/// </summary>
internal sealed class Lexer
{
    private static readonly string[] LongOperators = ["//", "**", "==", "!=", ">=", "<="];
    private const string ShortOperators = "+-/*%~[](){}><=.:|,;";

    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _position;
    private int _line = 1;

    private Lexer(string source) => _source = source;

    public static List<Token> Tokenize(string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        // Jinja2 drops one newline at the very end (keep_trailing_newline is off).
        var lexer = new Lexer(source.EndsWith('\n') ? source[..^1] : source);
        lexer.ReadTemplate();
        return lexer._tokens;
    }

    private char Current => _position < _source.Length ? _source[_position] : '\0';

    private bool AtEnd => _position >= _source.Length;

    private void ReadTemplate()
    {
        while (!AtEnd)
        {
            int tag = FindTag(_position);
            if (tag < 0)
            {
                AddData(_source[_position..]);
                AdvanceTo(_source.Length);
                break;
            }

            char kind = _source[tag + 1];
            char sign = SignAt(tag + 2);
            string text = TrimBeforeTag(_source[_position..tag], sign, indentation: kind != '{');
            AddData(text);
            AdvanceTo(tag);
            if (kind == '%' && MatchKeywordTag(tag, "raw") is int afterRaw)
            {
                AdvanceTo(afterRaw);
                ReadRaw();
                continue;
            }

            int line = _line;
            AdvanceTo(tag + (sign == '\0' ? 2 : 3));
            if (kind == '#')
                ReadComment(line);
            else
                ReadTag(isBlock: kind == '%', line);
        }

        _tokens.Add(new Token(TokenKind.EndOfTemplate, "", _line));
    }

    private int FindTag(int from)
    {
        for (int i = from; (i = _source.IndexOf('{', i)) >= 0 && i + 1 < _source.Length; i++)
        {
            if (_source[i + 1] is '{' or '%' or '#')
                return i;
        }

        return -1;
    }

    private char SignAt(int index) => index < _source.Length && _source[index] is '-' or '+' ? _source[index] : '\0';

    private string TrimBeforeTag(string text, char sign, bool indentation)
    {
        if (sign == '-')
            return text[..PythonWhitespace.TrimmedEnd(text)];
        if (sign == '+' || !indentation)
            return text;
        int lineStart = text.LastIndexOf('\n') + 1;
        bool startsLine = lineStart > 0 || _position == 0 || _source[_position - 1] == '\n';
        return startsLine && PythonWhitespace.IsBlank(text.AsSpan(lineStart)) ? text[..lineStart] : text;
    }

    private void AddData(string text)
    {
        if (text.Length > 0)
            _tokens.Add(new Token(TokenKind.Data, text, _line));
    }

    /// <summary>The position after <c>{% raw %}</c> or <c>{% endraw %}</c> at <paramref name="tag"/>; null when it is another tag.</summary>
    private int? MatchKeywordTag(int tag, string keyword)
    {
        int i = SkipWhitespace(tag + (SignAt(tag + 2) == '\0' ? 2 : 3));
        if (string.CompareOrdinal(_source, i, keyword, 0, keyword.Length) != 0)
            return null;
        i = SkipWhitespace(i + keyword.Length);
        bool ends = keyword == "endraw";
        return MatchClose(i, '%', plusAllowed: ends, takesNewline: ends);
    }

    /// <summary>The position after <c>%}</c>, <c>-%}</c> or <c>+%}</c> at <paramref name="i"/>, with the white space it takes.</summary>
    private int? MatchClose(int i, char closer, bool plusAllowed, bool takesNewline)
    {
        char sign = SignAt(i);
        if (sign == '+' && !plusAllowed)
            return null;
        int close = sign == '\0' ? i : i + 1;
        if (close + 1 >= _source.Length || _source[close] != closer || _source[close + 1] != '}')
            return null;
        int after = close + 2;
        if (sign == '-')
            return SkipWhitespace(after);
        return sign == '\0' && takesNewline && after < _source.Length && _source[after] == '\n' ? after + 1 : after;
    }

    private int SkipWhitespace(int i)
    {
        while (i < _source.Length && PythonWhitespace.Is(_source[i]))
            i++;
        return i;
    }

    private void ReadRaw()
    {
        for (int i = _position; (i = _source.IndexOf("{%", i, StringComparison.Ordinal)) >= 0; i += 2)
        {
            if (MatchKeywordTag(i, "endraw") is not int after)
                continue;
            AddData(TrimBeforeTag(_source[_position..i], SignAt(i + 2), indentation: true));
            AdvanceTo(after);
            return;
        }

        throw new JinjaSyntaxException("Missing end of raw directive", _line);
    }

    private void ReadComment(int line)
    {
        int end = _source.IndexOf("#}", _position, StringComparison.Ordinal);
        if (end < 0)
            throw new JinjaSyntaxException("Missing end of comment tag", line);
        int start = end > _position && _source[end - 1] is '-' or '+' ? end - 1 : end;
        AdvanceTo(MatchClose(start, '#', plusAllowed: true, takesNewline: true)!.Value);
    }

    private void ReadTag(bool isBlock, int line)
    {
        _tokens.Add(new Token(isBlock ? TokenKind.BlockBegin : TokenKind.VariableBegin, "", line));
        var open = new Stack<char>();
        while (true)
        {
            AdvanceTo(SkipWhitespace(_position));
            if (AtEnd)
                return;
            int? close = open.Count > 0
                ? null
                : MatchClose(_position, isBlock ? '%' : '}', plusAllowed: isBlock, takesNewline: isBlock);
            if (close is int after)
            {
                _tokens.Add(new Token(isBlock ? TokenKind.BlockEnd : TokenKind.VariableEnd, "", _line));
                AdvanceTo(after);
                return;
            }

            ReadToken(open);
        }
    }

    private void ReadToken(Stack<char> open)
    {
        char c = Current;
        if (char.IsAsciiDigit(c))
        {
            bool afterDot = _position > 0 && _source[_position - 1] == '.';
            (object number, int end) = NumberLiteral.Read(_source, _position, allowFraction: !afterDot, _line);
            _tokens.Add(new Token(TokenKind.Number, "", _line, number));
            _position = end;
        }
        else if (c is '\'' or '"')
        {
            int end = StringLiteral.FindEnd(_source, _position, _line);
            string value = StringLiteral.Decode(_source.AsSpan(_position + 1, end - _position - 2), _line);
            _tokens.Add(new Token(TokenKind.String, value, _line));
            AdvanceTo(end);
        }
        else if (c == '_' || char.IsLetter(c))
        {
            int end = _position + 1;
            while (end < _source.Length && (_source[end] == '_' || char.IsLetterOrDigit(_source[end])))
                end++;
            _tokens.Add(new Token(TokenKind.Name, _source[_position..end], _line));
            _position = end;
        }
        else
        {
            ReadOperator(c, open);
        }
    }

    private void ReadOperator(char c, Stack<char> open)
    {
        string? text = Array.Find(LongOperators, o => string.CompareOrdinal(_source, _position, o, 0, 2) == 0)
            ?? (ShortOperators.Contains(c) ? c.ToString() : null);
        if (text is null)
            throw new JinjaSyntaxException($"unexpected char '{c}'", _line);
        if (c is '(' or '[' or '{')
        {
            open.Push(c switch { '(' => ')', '[' => ']', _ => '}' });
        }
        else if (c is ')' or ']' or '}')
        {
            if (!open.TryPop(out char expected))
                throw new JinjaSyntaxException($"unexpected '{c}'", _line);
            if (expected != c)
                throw new JinjaSyntaxException($"unexpected '{c}', expected '{expected}'", _line);
        }

        _tokens.Add(new Token(TokenKind.Operator, text, _line));
        _position += text.Length;
    }

    private void AdvanceTo(int position)
    {
        _line += _source.AsSpan(_position, position - _position).Count('\n');
        _position = position;
    }
}
