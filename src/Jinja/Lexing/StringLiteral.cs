using System.Globalization;
using System.Text;

namespace TrainingService.Jinja.Lexing;

/// <summary>String literals with Python's escapes; an escape that Python does not know stays as written.</summary>
internal static class StringLiteral
{
    /// <summary>The position after the closing quote of the literal that starts at <paramref name="start"/>.</summary>
    public static int FindEnd(string source, int start, int line)
    {
        char quote = source[start];
        for (int i = start + 1; i < source.Length; i++)
        {
            if (source[i] == '\\')
                i++;
            else if (source[i] == quote)
                return i + 1;
        }

        throw new JinjaSyntaxException($"unexpected char '{quote}': the string is not closed", line);
    }

    public static string Decode(ReadOnlySpan<char> body, int line)
    {
        if (!body.Contains('\\'))
            return body.ToString();
        var text = new StringBuilder(body.Length);
        for (int i = 0; i < body.Length; i++)
        {
            if (body[i] != '\\')
            {
                text.Append(body[i]);
                continue;
            }

            char c = body[++i];
            switch (c)
            {
                case '\n': break;
                case '\\' or '\'' or '"': text.Append(c); break;
                case 'n': text.Append('\n'); break;
                case 't': text.Append('\t'); break;
                case 'r': text.Append('\r'); break;
                case 'a': text.Append('\a'); break;
                case 'b': text.Append('\b'); break;
                case 'f': text.Append('\f'); break;
                case 'v': text.Append('\v'); break;
                case 'x': AppendHex(text, body, ref i, 2, line); break;
                case 'u': AppendHex(text, body, ref i, 4, line); break;
                case 'U': AppendHex(text, body, ref i, 8, line); break;
                case 'N': throw new JinjaSyntaxException("\\N{...} escapes are not supported: write the character or \\uXXXX", line);
                case >= '0' and <= '7':
                    int octal = 0;
                    int end = Math.Min(i + 3, body.Length);
                    for (; i < end && body[i] is >= '0' and <= '7'; i++)
                        octal = (octal * 8) + (body[i] - '0');
                    i--;
                    text.Append((char)octal);
                    break;
                default: text.Append('\\').Append(c); break;
            }
        }

        return text.ToString();
    }

    private static void AppendHex(StringBuilder text, ReadOnlySpan<char> body, ref int i, int digits, int line)
    {
        if (i + digits >= body.Length
            || !uint.TryParse(body.Slice(i + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint code)
            || code > 0x10FFFF)
        {
            throw new JinjaSyntaxException($"truncated or impossible \\{body[i]} escape in a string", line);
        }

        i += digits;
        if (code > 0xFFFF)
            text.Append(char.ConvertFromUtf32((int)code));
        else
            text.Append((char)code);
    }
}
