using System.Globalization;
using System.Numerics;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Library;

/// <summary>Python's <c>"{0} {name!r:>8}".format(…)</c>, with lookups that go through the sandbox.</summary>
internal static class StrFormat
{
    public static string Apply(RenderContext context, string format, Arguments arguments)
    {
        var text = new BoundedText(context);
        int automatic = 0;
        for (int i = 0; i < format.Length; i++)
        {
            char c = format[i];
            if (c is '{' or '}' && i + 1 < format.Length && format[i + 1] == c)
            {
                text.Append(c);
                i++;
            }
            else if (c == '}')
            {
                throw new JinjaRenderException("Single '}' encountered in format string");
            }
            else if (c == '{')
            {
                int close = format.IndexOf('}', i);
                if (close < 0)
                    throw new JinjaRenderException("expected '}' before end of string");
                text.Append(Field(context, format[(i + 1)..close], arguments, ref automatic));
                i = close;
            }
            else
            {
                text.Append(c);
            }
        }

        return text.ToString();
    }

    private static string Field(RenderContext context, string field, Arguments arguments, ref int automatic)
    {
        int colon = field.IndexOf(':');
        string specification = colon < 0 ? "" : field[(colon + 1)..];
        string name = colon < 0 ? field : field[..colon];
        if (specification.Contains('{'))
            throw new JinjaRenderException("fields inside of a field's format are not supported");
        char conversion = name.Length >= 2 && name[^2] == '!' ? name[^1] : '\0';
        if (conversion != '\0')
            name = name[..^2];
        object? value = Lookup(context, name, arguments, ref automatic);
        if (conversion == 'r')
            value = PythonText.Repr(context, value);
        else if (conversion == 's')
            value = PythonText.Of(context, value);
        return new FormatSpecification(specification).Format(context, value);
    }

    private static object? Lookup(RenderContext context, string name, Arguments arguments, ref int automatic)
    {
        int end = name.AsSpan().IndexOfAny('.', '[');
        string first = end < 0 ? name : name[..end];
        object? value;
        if (first.Length == 0 || int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            int index = first.Length == 0 ? automatic++ : int.Parse(first, CultureInfo.InvariantCulture);
            if (index >= arguments.Positional.Length)
                throw new JinjaRenderException($"Replacement index {index} out of range for positional args tuple");
            value = arguments.Positional[index];
        }
        else if (!arguments.TryGetKeyword(first, out value))
        {
            throw new JinjaRenderException(PythonText.Quote(first));
        }

        for (int i = end; i >= 0 && i < name.Length;)
        {
            context.Charge();
            bool isItem = name[i] == '[';
            int next = isItem ? name.IndexOf(']', i) : name.AsSpan(i + 1).IndexOfAny('.', '[') is var at and >= 0 ? i + 1 + at : name.Length;
            if (next < 0)
                throw new JinjaRenderException("Missing ']' in format string");
            string key = name[(i + 1)..next];
            value = isItem
                ? Attributes.GetItem(context, value, long.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out long index) ? index : key)
                : Attributes.Get(context, value, key);
            i = isItem ? next + 1 : next;
        }

        return value;
    }
}

/// <summary>A format specification: <c>[[fill]align][sign][#][0][width][,][.precision][type]</c>.</summary>
internal sealed class FormatSpecification
{
    private readonly char _fill = ' ';
    private readonly char _align;
    private readonly char _sign = '-';
    private readonly bool _alternate;
    private readonly int _width;
    private readonly char _grouping;
    private readonly int? _precision;
    private readonly char _type;

    public FormatSpecification(string text)
    {
        int i = 0;
        char At(int index) => index < text.Length ? text[index] : '\0';
        if (At(1) is '<' or '>' or '^' or '=')
            (_fill, _align, i) = (text[0], text[1], 2);
        else if (At(0) is '<' or '>' or '^' or '=')
            (_align, i) = (text[0], 1);
        if (At(i) is '+' or '-' or ' ')
            _sign = text[i++];
        if (At(i) == '#')
        {
            _alternate = true;
            i++;
        }

        if (At(i) == '0')
        {
            i++;
            if (_align == '\0')
                (_fill, _align) = ('0', '=');
        }

        _width = ReadNumber(text, ref i) ?? 0;
        if (At(i) is ',' or '_')
            _grouping = text[i++];
        if (At(i) == '.')
        {
            i++;
            _precision = ReadNumber(text, ref i) ?? throw new JinjaRenderException("Format specifier missing precision");
        }

        if (i < text.Length)
            _type = text[i++];
        if (i < text.Length)
            throw new JinjaRenderException($"Invalid format specifier '{text}'");
    }

    public string Format(RenderContext context, object? value)
    {
        if (value is null || !PythonNumber.Is(value) || (value is bool && _type == '\0'))
            return FormatText(context, value);
        bool isFloat = value is double || _type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%';
        PythonNumber.TryBig(value, out BigInteger integer);
        double number = isFloat ? PythonNumber.ToDouble(value) : 0;
        bool negative = isFloat ? double.IsNegative(number) : integer.Sign < 0;
        string body = isFloat ? FormatFloat(number) : FormatInteger(integer);
        string sign = negative ? "-" : _sign is '+' or ' ' ? _sign.ToString() : "";
        if (_alternate && _type is 'x' or 'X' or 'o' or 'b')
            sign += "0" + _type;
        return _align == '='
            ? sign + TextOperations.Pad(context, body, _width - sign.Length, _fill.ToString(), leftShare: 1)
            : Pad(context, sign + body, _align == '\0' ? '>' : _align);
    }

    private string FormatText(RenderContext context, object? value)
    {
        if (_type is not ('s' or '\0'))
            throw new JinjaRenderException($"Unknown format code '{_type}' for object of type '{PythonType.NameOf(value)}'");
        string text = PythonText.Of(context, value);
        if (_precision is int kept)
            text = new PythonSlice(null, (long)kept, null).Apply(context, text);
        return Pad(context, text, _align == '\0' ? '<' : _align);
    }

    private string FormatInteger(BigInteger value)
    {
        if (_type is not ('\0' or 'd' or 'n' or 'x' or 'X' or 'o' or 'b'))
            throw new JinjaRenderException($"Unknown format code '{_type}' for object of type 'int'");
        string digits = NumberFormat.Digits(value, _type);
        return Group(digits, _type is 'x' or 'X' or 'o' or 'b' ? 4 : 3);
    }

    private string FormatFloat(double value)
    {
        string text = _type switch
        {
            '\0' when _precision is null => PythonNumber.Print(Math.Abs(value)),
            '%' => NumberFormat.Float(value * 100, 'f', _precision ?? 6) + "%",
            '\0' or 'n' => NumberFormat.Float(value, 'g', _precision ?? 6),
            'e' or 'E' or 'f' or 'F' or 'g' or 'G' => NumberFormat.Float(value, _type, _precision ?? 6),
            _ => throw new JinjaRenderException($"Unknown format code '{_type}' for object of type 'float'"),
        };
        int whole = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        return whole < 0 ? Group(text, 3) : Group(text[..whole], 3) + text[whole..];
    }

    private string Group(string digits, int size)
    {
        if (_grouping == '\0')
            return digits;
        for (int i = digits.Length - size; i > 0; i -= size)
            digits = digits.Insert(i, _grouping.ToString());
        return digits;
    }

    private string Pad(RenderContext context, string text, char align) =>
        align == '^'
            ? Center(context, text)
            : TextOperations.Pad(context, text, _width, _fill.ToString(), leftShare: align == '<' ? 0 : 1);

    // Unlike str.center, a format puts the odd character on the right.
    private string Center(RenderContext context, string text)
    {
        int length = CodePoints.Count(text);
        string left = TextOperations.Pad(context, text, length + (Math.Max(_width - length, 0) / 2), _fill.ToString(), leftShare: 1);
        return TextOperations.Pad(context, left, _width, _fill.ToString(), leftShare: 0);
    }

    private static int? ReadNumber(string text, ref int i)
    {
        int start = i;
        while (i < text.Length && char.IsAsciiDigit(text[i]))
            i++;
        if (i == start)
            return null;
        return int.TryParse(text.AsSpan(start, i - start), CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new JinjaRenderException("Too many decimal digits in format string");
    }
}
