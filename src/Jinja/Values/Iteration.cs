using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>Python's iter(), len(), list() and "in".</summary>
internal static class Iteration
{
    public static IEnumerable<object?> Of(RenderContext context, object? value)
    {
        switch (Markup.Plain(value))
        {
            case IReadOnlyList<object?> list:
                return list;
            case string text:
                context.Charge(text.Length);
                return CodePoints.Split(text);
            case PythonGenerator or DictView:
                return (IEnumerable<object?>)value!;
            case Undefined:
                return [];
            default:
                if (!Mapping.Is(value))
                    throw new JinjaRenderException($"'{PythonType.NameOf(value)}' object is not iterable");
                return Mapping.Pairs(value).Select(pair => pair.Key);
        }
    }

    public static bool IsIterable(object? value) =>
        value is string or Markup or IReadOnlyList<object?> or PythonGenerator or DictView or Undefined or LoopState || Mapping.Is(value);

    public static int? TryLength(object? value) => Markup.Plain(value) switch
    {
        string text => CodePoints.Count(text),
        IReadOnlyList<object?> list => list.Count,
        DictView view => view.Items.Count,
        Undefined => 0,
        LoopState loop => loop.Length,
        _ => Mapping.Is(value) ? Mapping.Count(value) : null,
    };

    public static long Length(RenderContext context, object? value)
    {
        if (Markup.Plain(value) is string text)
            context.ChargeText(text.Length);
        return TryLength(value) ?? throw new JinjaRenderException($"object of type '{PythonType.NameOf(value)}' has no len()");
    }

    /// <summary>The items as a list of their own, no longer than the limit.</summary>
    public static List<object?> ToList(RenderContext context, object? value)
    {
        var list = new List<object?>(value is PythonGenerator ? 0 : Math.Min(TryLength(value) ?? 0, context.Limits.MaxListLength));
        foreach (object? item in Of(context, value))
        {
            context.Charge();
            if (list.Count >= context.Limits.MaxListLength)
                context.ReserveList(list.Count + 1L);
            list.Add(item);
        }

        return list;
    }

    public static bool Contains(RenderContext context, object? container, object? wanted)
    {
        (container, wanted) = (Markup.Plain(container), Markup.Plain(wanted));
        if (container is string text)
        {
            string part = wanted as string ?? throw new JinjaRenderException(
                $"'in <string>' requires string as left operand, not {PythonType.NameOf(wanted)}");
            context.ChargeSearch(text, part);
            return text.Contains(part, StringComparison.Ordinal);
        }

        if (Mapping.Is(container))
            return Mapping.TryGet(context, container, wanted, out _);
        if (!IsIterable(container))
            throw new JinjaRenderException($"argument of type '{PythonType.NameOf(container)}' is not iterable");
        foreach (object? item in Of(context, container))
        {
            context.Charge();
            if (PythonEquality.AreEqual(context, item, wanted))
                return true;
        }

        return false;
    }
}
