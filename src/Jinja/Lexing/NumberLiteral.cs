using System.Globalization;
using System.Numerics;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Lexing;

/// <summary>Python's number literals: underscores between digits, 0x, 0o and 0b, fractions and exponents.</summary>
internal static class NumberLiteral
{
    // Python itself refuses to read longer decimal integers.
    private const int MaxDigits = 4300;

    /// <summary>Reads the number that starts at <paramref name="start"/>; after a dot (<c>a.0.1</c>) a point is no fraction.</summary>
    public static (object Value, int End) Read(string source, int start, bool allowFraction, int line)
    {
        int radix = source[start] == '0' && start + 1 < source.Length
            ? char.ToLowerInvariant(source[start + 1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 }
            : 10;
        int digits = radix == 10 ? start : start + 2;
        int end = SkipDigits(source, digits, radix);
        if (radix != 10)
        {
            if (end == digits)
                throw new JinjaSyntaxException("invalid number literal", line);
            BigInteger value = BigInteger.Zero;
            foreach (char c in Text(source, digits, end, line))
                value = value * radix + Convert.ToInt32(c.ToString(), 16);
            return (PythonNumber.Shrink(value), end);
        }

        int fractionEnd = end;
        if (allowFraction)
        {
            if (fractionEnd + 1 < source.Length && source[fractionEnd] == '.' && char.IsAsciiDigit(source[fractionEnd + 1]))
                fractionEnd = SkipDigits(source, fractionEnd + 1, 10);
            int exponent = fractionEnd;
            if (exponent < source.Length && source[exponent] is 'e' or 'E')
            {
                exponent++;
                if (exponent < source.Length && source[exponent] is '+' or '-')
                    exponent++;
                if (exponent < source.Length && char.IsAsciiDigit(source[exponent]))
                    fractionEnd = SkipDigits(source, exponent, 10);
            }
        }

        string text = Text(source, start, fractionEnd, line);
        if (fractionEnd == end && text[0] == '0' && text.AsSpan().ContainsAnyExcept('0'))
            throw new JinjaSyntaxException("an integer does not start with 0", line);
        return fractionEnd > end
            ? (double.Parse(text, CultureInfo.InvariantCulture), fractionEnd)
            : (PythonNumber.Shrink(BigInteger.Parse(text, CultureInfo.InvariantCulture)), end);
    }

    private static string Text(string source, int start, int end, int line) =>
        end - start <= MaxDigits
            ? source[start..end].Replace("_", "", StringComparison.Ordinal)
            : throw new JinjaSyntaxException($"a number has more than {MaxDigits} digits", line);

    private static int SkipDigits(string source, int i, int radix)
    {
        bool IsDigit(int at) => at < source.Length && radix switch
        {
            16 => char.IsAsciiHexDigit(source[at]),
            8 => source[at] is >= '0' and <= '7',
            2 => source[at] is '0' or '1',
            _ => char.IsAsciiDigit(source[at]),
        };
        while (IsDigit(i) || (i < source.Length && source[i] == '_' && IsDigit(i + 1)))
            i++;
        return i;
    }
}
