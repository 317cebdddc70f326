using System.Text;
using TrainingService.Jinja.Library;
using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>Python's arithmetic, with what it means for texts and lists.</summary>
internal static class PythonOperators
{
    public static object? Apply(RenderContext context, string symbol, object? left, object? right)
    {
        if (symbol == "%" && left is string format)
            return PrintfFormat.Apply(context, format, right);
        if (symbol == "%" && left is Markup pattern)
            return new Markup(PrintfFormat.Apply(context, pattern.Text, EscapeTexts(context, right)));
        Undefined.Refuse(left, right);
        if (symbol == "+" && Concatenate(context, left, right) is { } joined)
            return joined;
        if (symbol == "*" && (Repeat(context, left, right) ?? Repeat(context, right, left)) is { } repeated)
            return repeated;
        if (left is null || right is null || !PythonNumber.Is(left) || !PythonNumber.Is(right))
        {
            string shown = symbol == "**" ? "** or pow()" : symbol;
            throw new JinjaRenderException(
                $"unsupported operand type(s) for {shown}: '{PythonType.NameOf(left)}' and '{PythonType.NameOf(right)}'");
        }

        return symbol switch
        {
            "+" => PythonNumber.Add(left, right),
            "-" => PythonNumber.Subtract(left, right),
            "*" => PythonNumber.Multiply(left, right),
            "/" => PythonNumber.Divide(left, right),
            "//" => PythonNumber.FloorDivide(left, right),
            "%" => PythonNumber.Modulo(left, right),
            _ => PythonNumber.Power(left, right),
        };
    }

    private static object? Concatenate(RenderContext context, object? left, object? right)
    {
        if ((left is Markup && right is (string or Markup)) || (left is string && right is Markup))
        {
            string first = Markup.Escape(context, left).Text;
            string second = Markup.Escape(context, right).Text;
            context.Reserve((long)first.Length + second.Length);
            return new Markup(first + second);
        }

        if (left is string a)
        {
            if (right is not string b)
                throw new JinjaRenderException($"can only concatenate str (not \"{PythonType.NameOf(right)}\") to str");
            context.Reserve((long)a.Length + b.Length);
            return a + b;
        }

        if (left is not IReadOnlyList<object?> head || left is PythonRange)
            return null;
        if (right is not IReadOnlyList<object?> tail || PythonType.NameOf(left) != PythonType.NameOf(right))
        {
            string kind = PythonType.NameOf(left);
            throw new JinjaRenderException($"can only concatenate {kind} (not \"{PythonType.NameOf(right)}\") to {kind}");
        }

        context.ReserveList((long)head.Count + tail.Count);
        object?[] joined = [.. head, .. tail];
        return left is PythonTuple ? new PythonTuple(joined) : joined;
    }

    private static object? EscapeTexts(RenderContext context, object? value) => value switch
    {
        string or Markup => Markup.Escape(context, value).Text,
        PythonTuple tuple => new PythonTuple([.. tuple.Select(item => EscapeTexts(context, item))]),
        _ => value,
    };

    private static object? Repeat(RenderContext context, object? sequence, object? times)
    {
        if (sequence is Markup markup)
            return Markup.Mark(Repeat(context, markup.Text, times));
        if (sequence is not (string or IReadOnlyList<object?>) || sequence is PythonRange
            || !PythonNumber.TryInteger(times, out long count))
        {
            return null;
        }

        count = Math.Clamp(count, 0, int.MaxValue);
        if (sequence is string text)
        {
            context.Reserve(text.Length * count);
            return text.Length == 0 ? "" : new StringBuilder().Insert(0, text, (int)count).ToString();
        }

        var list = (IReadOnlyList<object?>)sequence;
        context.ReserveList(list.Count * count);
        var repeated = new object?[list.Count * (int)count];
        for (int i = 0; i < repeated.Length; i++)
            repeated[i] = list[i % list.Count];
        return list is PythonTuple ? new PythonTuple(repeated) : repeated;
    }
}
