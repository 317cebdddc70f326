using System.Numerics;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Library;

/// <summary>Python's <c>"%s: %5.1f" % values</c>.</summary>
internal static class PrintfFormat
{
    /// <summary>The % operator: a tuple gives the values in order, a dictionary by name.</summary>
    public static string Apply(RenderContext context, string format, object? values) => new Formatter(
        context, format, values is PythonTuple tuple ? [.. tuple] : [values], Mapping.Is(values) ? values : null).Run(
        single: values is not PythonTuple);

    /// <summary>The format filter.</summary>
    public static string Apply(RenderContext context, string format, Arguments arguments)
    {
        if (arguments.Positional.Length > 0 && arguments.Keywords.Length > 0)
            throw new JinjaRenderException("can't handle positional and keyword arguments at the same time");
        if (arguments.Keywords.Length == 0)
            return Apply(context, format, new PythonTuple(arguments.Positional));
        var named = new PythonDict(context);
        foreach ((string key, object? value) in arguments.Keywords)
            named.Set(key, value);
        return Apply(context, format, named);
    }

    private sealed class Formatter(RenderContext context, string format, object?[] values, object? named)
    {
        private readonly BoundedText _text = new(context);
        private int _next;
        private int _position;

        public string Run(bool single)
        {
            while (_position < format.Length)
            {
                int percent = format.IndexOf('%', _position);
                if (percent < 0)
                    percent = format.Length;
                _text.Append(format.AsSpan(_position, percent - _position));
                _position = percent + 1;
                if (percent < format.Length)
                    Convert();
            }

            // A dictionary, and a single list, may go unused; other values may not.
            if (_next < values.Length && named is null && !(single && values[0] is IReadOnlyList<object?>))
                throw new JinjaRenderException("not all arguments converted during string formatting");
            return _text.ToString();
        }

        private void Convert()
        {
            object? subject = BoundArguments.Absent;
            if (Peek() == '(')
            {
                int close = format.IndexOf(')', _position);
                if (close < 0)
                    throw new JinjaRenderException("incomplete format key");
                string key = format[(_position + 1)..close];
                _position = close + 1;
                if (named is null)
                    throw new JinjaRenderException("format requires a mapping");
                if (!Mapping.TryGet(context, named, key, out subject))
                    throw new JinjaRenderException(PythonText.Quote(key));
            }

            string flags = "";
            while (Peek() is '-' or '+' or ' ' or '#' or '0')
                flags += format[_position++];
            long width = ReadNumber() ?? 0;
            long? precision = null;
            if (Peek() == '.')
            {
                _position++;
                precision = ReadNumber() ?? 0;
            }

            while (Peek() is 'l' or 'h' or 'L')
                _position++;
            if (_position >= format.Length)
                throw new JinjaRenderException("incomplete format");
            char conversion = format[_position++];
            if (conversion == '%')
            {
                _text.Append('%');
                return;
            }

            if (subject == BoundArguments.Absent)
                subject = NextValue();
            Append(subject, conversion, flags, width, precision);
        }

        private char Peek() => _position < format.Length ? format[_position] : '\0';

        private object? NextValue() => _next < values.Length
            ? values[_next++]
            : throw new JinjaRenderException("not enough arguments for format string");

        private long? ReadNumber()
        {
            if (Peek() == '*')
            {
                _position++;
                return PythonNumber.TryInteger(NextValue(), out long given) ? given : throw new JinjaRenderException("* wants int");
            }

            int start = _position;
            while (char.IsAsciiDigit(Peek()))
                _position++;
            if (_position == start)
                return null;
            return int.TryParse(format.AsSpan(start, _position - start), out int number)
                ? number
                : throw new JinjaRenderException("width or precision is too big");
        }

        private void Append(object? subject, char conversion, string flags, long width, long? precision)
        {
            string sign = "";
            string body;
            switch (conversion)
            {
                case 's' or 'r' or 'a':
                    body = conversion == 's' ? PythonText.Of(context, subject) : PythonText.Repr(context, subject);
                    if (precision is not null)
                        body = new PythonSlice(null, precision, null).Apply(context, body);
                    break;
                case 'c':
                    body = subject as string ?? char.ConvertFromUtf32((int)Number(subject, conversion));
                    break;
                case 'd' or 'i' or 'u' or 'x' or 'X' or 'o':
                    BigInteger integer = Number(subject, conversion);
                    string prefix = flags.Contains('#') && conversion is ('x' or 'X' or 'o') ? "0" + conversion : "";
                    sign = Sign(integer.Sign < 0, flags) + prefix;
                    body = NumberFormat.Digits(integer, conversion).PadLeft((int)Math.Min(precision ?? 0, 1000), '0');
                    break;
                case 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                    Undefined.Refuse(subject);
                    double number = PythonNumber.ToDouble(subject);
                    sign = Sign(double.IsNegative(number), flags);
                    body = NumberFormat.Float(number, conversion, (int)Math.Min(precision ?? 6, int.MaxValue));
                    break;
                default:
                    throw new JinjaRenderException($"unsupported format character '{conversion}'");
            }

            bool left = flags.Contains('-') || width < 0;
            bool zeros = flags.Contains('0') && !left && conversion is not ('s' or 'r' or 'a' or 'c');
            width = Math.Abs(width);
            _text.Append(zeros
                ? sign + TextOperations.Pad(context, body, width - sign.Length, "0", leftShare: 1)
                : TextOperations.Pad(context, sign + body, width, " ", leftShare: left ? 0 : 1));
        }

        private static BigInteger Number(object? subject, char conversion)
        {
            Undefined.Refuse(subject);
            if (subject is double number && double.IsFinite(number) && conversion is ('d' or 'i' or 'u'))
                return new BigInteger(Math.Truncate(number));
            if (!PythonNumber.TryBig(subject, out BigInteger integer) || (conversion == 'c' && (integer < 0 || integer > 0xD7FF)))
                throw new JinjaRenderException($"%{conversion} format: a real number is required, not {PythonType.NameOf(subject)}");
            return integer;
        }

        private static string Sign(bool negative, string flags) =>
            negative ? "-" : flags.Contains('+') ? "+" : flags.Contains(' ') ? " " : "";
    }
}
