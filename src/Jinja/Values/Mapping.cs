using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>One view of both kinds of dictionary: those given to the template and those it makes.</summary>
internal static class Mapping
{
    public static bool Is(object? value) => value is IReadOnlyDictionary<string, object?> or PythonDict;

    public static int Count(object? mapping) => mapping switch
    {
        IReadOnlyDictionary<string, object?> given => given.Count,
        PythonDict made => made.Count,
        _ => throw NotAMapping(mapping),
    };

    public static bool TryGet(RenderContext context, object? mapping, object? key, out object? value)
    {
        key = Markup.Plain(key);
        if (key is string text)
            context.ChargeText(text.Length);
        value = null;
        return mapping switch
        {
            IReadOnlyDictionary<string, object?> given => key is string name && given.TryGetValue(name, out value),
            PythonDict made => made.TryGet(key, out value),
            _ => throw NotAMapping(mapping),
        };
    }

    public static IEnumerable<KeyValuePair<object?, object?>> Pairs(object? mapping) => mapping switch
    {
        IReadOnlyDictionary<string, object?> given =>
            given.Select(pair => new KeyValuePair<object?, object?>(pair.Key, pair.Value)),
        PythonDict made => made.Pairs,
        _ => throw NotAMapping(mapping),
    };

    /// <summary>The pairs as a list of tuples, paid for.</summary>
    public static IReadOnlyList<object?> Items(RenderContext context, object? mapping)
    {
        context.ReserveList(Count(mapping));
        return Pairs(mapping).Select(pair => (object?)new PythonTuple([pair.Key, pair.Value])).ToArray();
    }

    public static PythonDict Copy(RenderContext context, object? mapping)
    {
        context.ReserveList(Count(mapping));
        var copy = new PythonDict(context);
        foreach ((object? key, object? value) in Pairs(mapping))
            copy.Set(key, value);
        return copy;
    }

    private static JinjaRenderException NotAMapping(object? value) =>
        (value as Undefined)?.Fail() ?? new JinjaRenderException($"expected a dict, got {PythonType.NameOf(value)}");
}
