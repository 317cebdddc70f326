using System.Globalization;
using System.Numerics;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Library;

/// <summary>Numbers in the notations that both of Python's format languages share.</summary>
internal static class NumberFormat
{
    private const int MaxPrecision = 1000;

    /// <summary>d, x, X, o or b, without a sign.</summary>
    public static string Digits(BigInteger value, char notation)
    {
        value = BigInteger.Abs(value);
        if (notation is not ('x' or 'X' or 'o' or 'b'))
            return value.ToString(CultureInfo.InvariantCulture);
        int radix = notation switch { 'o' => 8, 'b' => 2, _ => 16 };
        var digits = new Stack<char>();
        do
        {
            value = BigInteger.DivRem(value, radix, out BigInteger digit);
            digits.Push((notation == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[(int)digit]);
        }
        while (!value.IsZero);
        return new string([.. digits]);
    }

    /// <summary>e, f, g (or their capitals) with a precision, without a sign.</summary>
    public static string Float(double value, char notation, int precision)
    {
        value = Math.Abs(value);
        if (precision > MaxPrecision)
            throw new JinjaRenderException($"a number's precision is at most {MaxPrecision}");
        if (!double.IsFinite(value))
            return PythonNumber.Print(value);
        string text = char.ToLowerInvariant(notation) switch
        {
            'f' => value.ToString("F" + precision, CultureInfo.InvariantCulture),
            'e' => Exponential(value, precision),
            _ => General(value, Math.Max(precision, 1)),
        };
        return char.IsUpper(notation) ? text.ToUpperInvariant() : text;
    }

    private static string Exponential(double value, int precision)
    {
        string text = value.ToString("e" + precision, CultureInfo.InvariantCulture);
        int e = text.IndexOf('e');
        int exponent = int.Parse(text.AsSpan(e + 1), CultureInfo.InvariantCulture);
        return $"{text[..e]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    private static string General(double value, int precision)
    {
        string exponential = Exponential(value, precision - 1);
        int e = exponential.IndexOf('e');
        int exponent = int.Parse(exponential.AsSpan(e + 1), CultureInfo.InvariantCulture);
        if (exponent < -4 || exponent >= precision)
            return Trimmed(exponential[..e]) + exponential[e..];
        return Trimmed(value.ToString("F" + (precision - 1 - exponent), CultureInfo.InvariantCulture));
    }

    private static string Trimmed(string digits) => digits.Contains('.') ? digits.TrimEnd('0').TrimEnd('.') : digits;
}
