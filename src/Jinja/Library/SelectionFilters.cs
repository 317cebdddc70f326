using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Library;

/// <summary>map, select and reject: lazy, and they take the name of another filter or test with its arguments.</summary>
internal static class SelectionFilters
{
    private static readonly AttributePath Itself = new(null);

    public static IEnumerable<KeyValuePair<string, Filter>> All =>
    [
        new("map", (context, value, arguments) => new PythonGenerator(context, Map(context, value, arguments))),
        new("select", (context, value, arguments) => Select(context, value, arguments, byAttribute: false, wanted: true)),
        new("reject", (context, value, arguments) => Select(context, value, arguments, byAttribute: false, wanted: false)),
        new("selectattr", (context, value, arguments) => Select(context, value, arguments, byAttribute: true, wanted: true)),
        new("rejectattr", (context, value, arguments) => Select(context, value, arguments, byAttribute: true, wanted: false)),
    ];

    private static IEnumerable<object?> Map(RenderContext context, object? value, Arguments arguments)
    {
        if (!PythonTruth.Of(value))
            yield break;
        Func<object?, object?> change = Mapper(context, arguments);
        foreach (object? item in Iteration.Of(context, value))
            yield return change(item);
    }

    private static Func<object?, object?> Mapper(RenderContext context, Arguments arguments)
    {
        if (arguments.Positional.Length == 0 && arguments.TryGetKeyword("attribute", out object? attribute))
        {
            BoundArguments bound = arguments.Bind("map", ["attribute", "default"]);
            var path = new AttributePath(attribute);
            return item => path.Of(context, item, bound.Or(1, null));
        }

        if (arguments.Positional is not [string name, ..])
            throw new JinjaRenderException("map requires a filter argument");
        Filter filter = Filters.Find(name) ?? throw new JinjaRenderException($"No filter named {PythonText.Quote(name)}.");
        Arguments rest = arguments.Skip(1);
        return item => filter(context, item, rest);
    }

    private static PythonGenerator Select(
        RenderContext context, object? value, Arguments arguments, bool byAttribute, bool wanted) =>
        new(context, Selected(context, value, arguments, byAttribute, wanted));

    private static IEnumerable<object?> Selected(
        RenderContext context, object? value, Arguments arguments, bool byAttribute, bool wanted)
    {
        if (!PythonTruth.Of(value))
            yield break;
        AttributePath path = Itself;
        if (byAttribute)
        {
            if (arguments.Positional.Length == 0)
                throw new JinjaRenderException("Missing parameter for attribute name");
            path = new AttributePath(arguments.Positional[0]);
            arguments = arguments.Skip(1);
        }

        Func<object?, bool> test = Tester(context, arguments);
        foreach (object? item in Iteration.Of(context, value))
        {
            context.Charge();
            if (test(path.Of(context, item)) == wanted)
                yield return item;
        }
    }

    private static Func<object?, bool> Tester(RenderContext context, Arguments arguments)
    {
        if (arguments.Positional.Length == 0)
            return PythonTruth.Of;
        string name = PythonText.Of(context, arguments.Positional[0]);
        Test test = Tests.Find(name) ?? throw new JinjaRenderException($"No test named {PythonText.Quote(name)}.");
        Arguments rest = arguments.Skip(1);
        return item => test(context, item, rest);
    }
}
