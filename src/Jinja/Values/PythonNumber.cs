using System.Globalization;
using System.Numerics;

namespace TrainingService.Jinja.Values;

/// <summary>Python's numbers: integers without end (long while they fit), doubles, and booleans that count as 0 and 1.</summary>
internal static class PythonNumber
{
    // 16,384 bits are about the 4,300 digits beyond which Python itself refuses to print an integer.
    private const long MaxBits = 16_384;

    public static bool Is(object? value) => value is bool or long or int or double or BigInteger;

    public static bool TryInteger(object? value, out long integer)
    {
        integer = value switch { long l => l, int i => i, bool b => b ? 1 : 0, _ => 0 };
        return value is long or int or bool;
    }

    public static bool TryBig(object? value, out BigInteger integer)
    {
        integer = value switch { long l => l, int i => i, bool b => b ? 1 : 0, BigInteger big => big, _ => 0 };
        return value is long or int or bool or BigInteger;
    }

    public static double ToDouble(object? value) =>
        value is double number ? number : TryBig(value, out BigInteger integer) ? ToDouble(integer) : throw NotANumber(value);

    public static object Shrink(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue)
            return (long)value;
        return value.GetBitLength() <= MaxBits
            ? value
            : throw new JinjaRenderException($"the template made an integer of more than {MaxBits} bits");
    }

    public static object Add(object left, object right) =>
        left is long a && right is long b && !OverflowsAdd(a, b)
            ? a + b
            : Apply(left, right, static (x, y) => x + y, static (x, y) => x + y);

    public static object Subtract(object left, object right) =>
        Apply(left, right, static (x, y) => x - y, static (x, y) => x - y);

    public static object Multiply(object left, object right) =>
        Apply(left, right, static (x, y) => x * y, static (x, y) => x * y);

    public static object Divide(object left, object right)
    {
        double divisor = ToDouble(right);
        return divisor == 0 ? throw new JinjaRenderException("division by zero") : ToDouble(left) / divisor;
    }

    public static object FloorDivide(object left, object right) => Apply(
        left,
        right,
        static (x, y) => FloorDivide(x, y),
        static (x, y) => y == 0 ? throw new JinjaRenderException("float floor division by zero") : Math.Floor(x / y));

    /// <summary>The remainder, with the divisor's sign.</summary>
    public static object Modulo(object left, object right) => Apply(
        left,
        right,
        static (x, y) => y.IsZero ? throw new JinjaRenderException("integer modulo by zero") : x - (FloorDivide(x, y) * y),
        static (x, y) => y == 0 ? throw new JinjaRenderException("float modulo") : FloatModulo(x, y));

    public static object Power(object left, object right)
    {
        if (TryBig(left, out BigInteger value) && TryBig(right, out BigInteger exponent) && exponent >= 0)
        {
            if (value.IsZero || value.IsOne || value == BigInteger.MinusOne)
                return Shrink(exponent.IsZero ? 1 : value.IsZero ? 0 : exponent.IsEven ? 1 : value);
            if (exponent * value.GetBitLength() > MaxBits)
                throw new JinjaRenderException($"the template made an integer of more than {MaxBits} bits");
            return Shrink(BigInteger.Pow(value, (int)exponent));
        }

        double number = ToDouble(left);
        double power = ToDouble(right);
        if (number == 0 && power < 0)
            throw new JinjaRenderException("0.0 cannot be raised to a negative power");
        if (number < 0 && power != Math.Floor(power))
            throw new JinjaRenderException("a negative number to a fractional power is complex");
        double result = Math.Pow(number, power);
        return double.IsInfinity(result) && double.IsFinite(number) && double.IsFinite(power)
            ? throw new JinjaRenderException("Numerical result out of range")
            : result;
    }

    public static object Negate(object value) => value is double number ? -number : Shrink(-Big(value));

    public static object Plus(object value) => value is double ? value : Shrink(Big(value));

    public static object Absolute(object value) =>
        value is double number ? Math.Abs(number) : Shrink(BigInteger.Abs(Big(value)));

    /// <summary>Compares exactly, also where a long is not a double; null when one is not a number (NaN).</summary>
    public static int? Compare(object left, object right)
    {
        if (TryInteger(left, out long a) && TryInteger(right, out long b))
            return a.CompareTo(b);
        if (TryBig(left, out BigInteger x) && TryBig(right, out BigInteger y))
            return x.CompareTo(y);
        double p = left as double? ?? double.NaN;
        double q = right as double? ?? double.NaN;
        if (left is double && right is double)
            return double.IsNaN(p) || double.IsNaN(q) ? null : p.CompareTo(q);
        return left is double ? CompareToInteger(p, Big(right)) : -CompareToInteger(q, Big(left));
    }

    /// <summary>A hash that is the same for 1, 1.0 and True.</summary>
    public static int Hash(object value)
    {
        if (value is double number)
            return number == Math.Floor(number) && Math.Abs(number) < 1e15 ? ((long)number).GetHashCode() : number.GetHashCode();
        return TryInteger(value, out long integer) ? integer.GetHashCode() : ToDouble(value).GetHashCode();
    }

    /// <summary>repr() of a float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16.</summary>
    public static string Print(double value)
    {
        if (double.IsNaN(value))
            return "nan";
        if (double.IsInfinity(value))
            return value > 0 ? "inf" : "-inf";
        string shortest = value.ToString("E16", CultureInfo.InvariantCulture);
        string roundTrip = value.ToString("R", CultureInfo.InvariantCulture);
        int exponent = value == 0 ? 0 : int.Parse(shortest.AsSpan(shortest.IndexOf('E') + 1), CultureInfo.InvariantCulture);
        string sign = roundTrip.StartsWith('-') ? "-" : "";
        string digits = DigitsOf(roundTrip);
        if (exponent is < -4 or >= 16)
        {
            string fraction = digits.Length > 1 ? "." + digits[1..] : "";
            return $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        if (exponent < 0)
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        return digits.Length <= exponent + 1
            ? $"{sign}{digits.PadRight(exponent + 1, '0')}.0"
            : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    private static string DigitsOf(string roundTrip)
    {
        ReadOnlySpan<char> mantissa = roundTrip.AsSpan().TrimStart('-');
        int e = mantissa.IndexOf('E');
        string digits = (e < 0 ? mantissa : mantissa[..e]).ToString().Replace(".", "", StringComparison.Ordinal);
        digits = digits.TrimStart('0').TrimEnd('0');
        return digits.Length == 0 ? "0" : digits;
    }

    private static object Apply(
        object left, object right, Func<BigInteger, BigInteger, BigInteger> integers, Func<double, double, double> doubles) =>
        TryBig(left, out BigInteger a) && TryBig(right, out BigInteger b)
            ? Shrink(integers(a, b))
            : doubles(ToDouble(left), ToDouble(right));

    private static bool OverflowsAdd(long a, long b) => b > 0 ? a > long.MaxValue - b : a < long.MinValue - b;

    private static BigInteger FloorDivide(BigInteger x, BigInteger y)
    {
        if (y.IsZero)
            throw new JinjaRenderException("integer division or modulo by zero");
        BigInteger quotient = BigInteger.DivRem(x, y, out BigInteger remainder);
        return !remainder.IsZero && remainder.Sign != y.Sign ? quotient - 1 : quotient;
    }

    private static double FloatModulo(double x, double y)
    {
        double remainder = x % y;
        return remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder == 0 ? Math.CopySign(0, y) : remainder;
    }

    private static int? CompareToInteger(double number, BigInteger integer)
    {
        if (double.IsNaN(number))
            return null;
        if (double.IsInfinity(number))
            return number > 0 ? 1 : -1;
        int whole = new BigInteger(Math.Floor(number)).CompareTo(integer);
        return whole == 0 && number != Math.Floor(number) ? 1 : whole;
    }

    private static BigInteger Big(object value) => TryBig(value, out BigInteger integer) ? integer : throw NotANumber(value);

    private static double ToDouble(BigInteger value)
    {
        double number = (double)value;
        return double.IsInfinity(number) ? throw new JinjaRenderException("int too large to convert to float") : number;
    }

    private static JinjaRenderException NotANumber(object? value) =>
        new($"must be a number, not {PythonType.NameOf(value)}");
}
