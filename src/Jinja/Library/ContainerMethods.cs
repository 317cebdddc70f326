using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Library;

/// <summary>The methods of lists and dictionaries that change nothing; the sandbox refuses the others.</summary>
internal static class ContainerMethods
{
    public static object? Find(IReadOnlyList<object?> list, string name) => name switch
    {
        "index" => new Function(name, (context, arguments) => IndexOf(context, list, arguments.Bind(name, ["value"])[0])),
        "count" => new Function(name, (context, arguments) => Count(context, list, arguments.Bind(name, ["value"])[0])),
        "copy" when PythonType.NameOf(list) == "list" => new Function(name, (_, _) => list),
        "append" or "clear" or "pop" or "reverse" or "insert" or "sort" or "extend" or "remove"
            when PythonType.NameOf(list) == "list" => Unsafe(list, name),
        _ => BoundArguments.Absent,
    };

    public static object? FindForMapping(object mapping, string name) => name switch
    {
        "get" => new Function(name, (context, arguments) => Get(context, mapping, arguments.Bind(name, ["key", "default"]))),
        "items" => new Function(name, (context, _) => new DictView("dict_items", Mapping.Items(context, mapping))),
        "keys" => new Function(name, (context, _) => View(context, mapping, "dict_keys", pair => pair.Key)),
        "values" => new Function(name, (context, _) => View(context, mapping, "dict_values", pair => pair.Value)),
        "copy" => new Function(name, (_, _) => mapping),
        "clear" or "pop" or "popitem" or "setdefault" or "update" => Unsafe(mapping, name),
        _ => BoundArguments.Absent,
    };

    private static Undefined Unsafe(object target, string name) => new(
        $"access to attribute {PythonText.Quote(name)} of {PythonText.Quote(PythonType.NameOf(target))} object is unsafe.");

    private static object? Get(RenderContext context, object mapping, BoundArguments arguments) =>
        Mapping.TryGet(context, mapping, arguments[0], out object? value) ? value : arguments.Or(1, null);

    private static DictView View(
        RenderContext context, object mapping, string kind, Func<KeyValuePair<object?, object?>, object?> part)
    {
        context.ReserveList(Mapping.Count(mapping));
        return new DictView(kind, Mapping.Pairs(mapping).Select(part).ToArray());
    }

    private static object IndexOf(RenderContext context, IReadOnlyList<object?> list, object? value)
    {
        for (int i = 0; i < list.Count; i++)
        {
            context.Charge();
            if (PythonEquality.AreEqual(context, list[i], value))
                return (long)i;
        }

        throw new JinjaRenderException($"{PythonText.Plain(value)} is not in list");
    }

    private static object Count(RenderContext context, IReadOnlyList<object?> list, object? value)
    {
        context.Charge(list.Count);
        return (long)list.Count(item => PythonEquality.AreEqual(context, item, value));
    }
}
