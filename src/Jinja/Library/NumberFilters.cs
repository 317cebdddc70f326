using System.Globalization;
using System.Numerics;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;
using static TrainingService.Jinja.Library.Filters;

namespace TrainingService.Jinja.Library;

/// <summary>Filters that make numbers.</summary>
internal static class NumberFilters
{
    public static IEnumerable<KeyValuePair<string, Filter>> All =>
    [
        Define("abs", [], (_, v, _) => PythonNumber.Absolute(Number(v))),
        Define("int", ["default", "base"], (_, v, a) => ToInteger(Markup.Plain(v), a.Integer(1, 10)) ?? a.Or(0, 0L)),
        Define("float", ["default"], (_, v, a) => ToFloat(Markup.Plain(v)) ?? a.Or(0, 0.0)),
        Define("round", ["precision", "method"], Round),
        Define("filesizeformat", ["binary"], (_, v, a) => FileSize(ToFloat(v) as double? ?? throw NotANumber(v), a.Flag(0))),
    ];

    private static object Number(object? value)
    {
        Undefined.Refuse(value);
        return value is not null && PythonNumber.Is(value) ? value : throw NotANumber(value);
    }

    private static JinjaRenderException NotANumber(object? value) => new($"a number is needed, not {PythonType.NameOf(value)}");

    private static object? ToInteger(object? value, long radix)
    {
        Undefined.Refuse(value);
        if (value is string text)
            return ParseInteger(text, radix) ?? (ToFloat(text) is double parsed ? Truncate(parsed) : null);
        if (value is double number)
            return Truncate(number);
        return PythonNumber.TryBig(value, out BigInteger integer) ? PythonNumber.Shrink(integer) : null;
    }

    private static object? Truncate(double number) =>
        double.IsFinite(number) ? PythonNumber.Shrink(new BigInteger(Math.Truncate(number))) : null;

    private static object? ParseInteger(string text, long radix)
    {
        ReadOnlySpan<char> digits = text.AsSpan().Trim();
        bool negative = digits is ['-', ..];
        if (digits is ['-' or '+', ..])
            digits = digits[1..];
        if (radix is 16 or 8 or 2 or 0 && digits is ['0', var letter, ..])
        {
            long prefixed = char.ToLowerInvariant(letter) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 };
            if (prefixed != 0 && (radix == 0 || radix == prefixed))
            {
                radix = prefixed;
                digits = digits[2..];
            }
        }

        if (radix == 0)
            radix = 10;
        if (digits.Length is 0 or > 4300 || digits[0] == '_' || digits[^1] == '_' || digits.Contains("__", StringComparison.Ordinal))
            return null;
        BigInteger value = BigInteger.Zero;
        foreach (char c in digits)
        {
            if (c == '_')
                continue;
            int digit = char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : 99;
            if (digit >= radix)
                return null;
            value = (value * radix) + digit;
        }

        return PythonNumber.Shrink(negative ? -value : value);
    }

    private static object? ToFloat(object? value)
    {
        Undefined.Refuse(value);
        if (value is not string text)
            return value is not null && PythonNumber.Is(value) ? PythonNumber.ToDouble(value) : null;
        string trimmed = text.Trim().Replace("_", "", StringComparison.Ordinal);
        return trimmed.ToLowerInvariant() switch
        {
            "inf" or "+inf" or "infinity" or "+infinity" => double.PositiveInfinity,
            "-inf" or "-infinity" => double.NegativeInfinity,
            "nan" or "+nan" or "-nan" => double.NaN,
            _ when double.TryParse(trimmed, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && !double.IsNaN(number) => number,
            _ => null,
        };
    }

    private static object? Round(RenderContext context, object? value, BoundArguments arguments)
    {
        object number = Number(value);
        long precision = arguments.Integer(0, 0);
        string method = arguments.Has(1) ? arguments.Text(1) : "common";
        if (Math.Abs(precision) > 300)
            throw new JinjaRenderException("round's precision must be between -300 and 300");
        if (method == "common")
        {
            if (number is double exact)
                return precision is >= 0 ? RoundHalfEven(exact, (int)precision) : RoundToTens(exact, -precision);
            return precision >= 0 ? PythonNumber.Plus(number) : RoundInteger(number, (int)-precision);
        }

        double scale = Math.Pow(10, precision);
        double scaled = PythonNumber.ToDouble(number) * scale;
        double rounded = method switch
        {
            "ceil" => Math.Ceiling(scaled),
            "floor" => Math.Floor(scaled),
            _ => throw new JinjaRenderException("method must be common, ceil or floor"),
        };
        // math.ceil gives an integer, and dividing it by a power of ten a float.
        return rounded / scale;
    }

    // "F" prints the double's exact decimal value rounded correctly, as Python's round does through its own dtoa;
    // ties exist only where the value is exact, and those Python sends to the even digit.
    private static double RoundHalfEven(double value, int digits)
    {
        if (!double.IsFinite(value) || Math.Abs(value) >= 1e15)
            return value;
        if (digits <= 15 && Math.Abs(value) < 1e12 && value * (1L << 20) == Math.Floor(value * (1L << 20)))
            return (double)Math.Round((decimal)value, digits, MidpointRounding.ToEven);
        return double.Parse(value.ToString("F" + digits, CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }

    private static double RoundToTens(double value, long zeros)
    {
        double scale = Math.Pow(10, zeros);
        return Math.Round(value / scale, MidpointRounding.ToEven) * scale;
    }

    private static object RoundInteger(object number, int zeros)
    {
        PythonNumber.TryBig(number, out BigInteger value);
        BigInteger scale = BigInteger.Pow(10, zeros);
        BigInteger quotient = BigInteger.DivRem(value, scale, out BigInteger remainder);
        int half = (BigInteger.Abs(remainder) * 2).CompareTo(scale);
        if (half > 0 || (half == 0 && !quotient.IsEven))
            quotient += remainder.Sign;
        return PythonNumber.Shrink(quotient * scale);
    }

    private static string FileSize(double bytes, bool binary)
    {
        double unit = binary ? 1024 : 1000;
        if (bytes == 1)
            return "1 Byte";
        if (bytes < unit)
            return $"{(long)bytes} Bytes";
        string[] prefixes = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
        int i = 0;
        for (bytes /= unit; bytes >= unit && i < prefixes.Length - 1; i++)
            bytes /= unit;
        string prefix = binary ? prefixes[i].ToUpperInvariant() + "i" : prefixes[i];
        return string.Create(CultureInfo.InvariantCulture, $"{bytes:F1} {prefix}B");
    }
}
