using System.Collections.Frozen;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Library;

/// <summary>The functions that every template sees: Jinja2's own and the two of transformers.</summary>
internal static class Globals
{
    // The longest range() of Jinja2's sandbox.
    private const int MaxRange = 100_000;

    private static readonly FrozenDictionary<string, Function> Functions = new Function[]
    {
        new("raise_exception", RaiseException),
        new("strftime_now", (context, arguments) =>
            Strftime.Format(context, arguments.Bind("strftime_now", ["format"]).Text(0), context.TimeProvider.GetLocalNow())),
        new("range", Range),
        new("dict", (context, arguments) => MakeDict(context, arguments)),
        new("namespace", (context, arguments) => new PythonNamespace(MakeDict(context, arguments))),
        new("cycler", (_, arguments) => arguments.Positional.Length > 0
            ? new Cycler(arguments.Positional)
            : throw new JinjaRenderException("at least one item has to be provided")),
        new("joiner", MakeJoiner),
    }.ToFrozenDictionary(function => function.Name);

    public static bool TryGet(string name, out object? value)
    {
        bool found = Functions.TryGetValue(name, out Function? function);
        value = function;
        return found;
    }

    private static object? RaiseException(RenderContext context, Arguments arguments) =>
        throw new JinjaRenderException(PythonText.Of(context, arguments.Bind("raise_exception", ["message"])[0]));

    private static PythonRange Range(RenderContext context, Arguments arguments)
    {
        string[] parameters = arguments.Positional.Length == 1 ? ["stop"] : ["start", "stop", "step"];
        BoundArguments bound = arguments.Bind("range", parameters);
        long start = arguments.Positional.Length == 1 ? 0 : bound.Integer(0);
        long stop = arguments.Positional.Length == 1 ? bound.Integer(0) : bound.Integer(1);
        long step = arguments.Positional.Length < 3 ? 1 : bound.Integer(2);
        if (step == 0)
            throw new JinjaRenderException("range() arg 3 must not be zero");
        Int128 span = step > 0 ? (Int128)stop - start : (Int128)start - stop;
        Int128 count = span <= 0 ? 0 : ((span - 1) / Int128.Abs(step)) + 1;
        if (count > MaxRange)
            throw new JinjaRenderException($"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MaxRange}).");
        return new PythonRange(start, stop, step, (int)count);
    }

    private static PythonDict MakeDict(RenderContext context, Arguments arguments)
    {
        PythonDict dict = new(context);
        if (arguments.Positional.Length > 1)
            throw new JinjaRenderException($"dict expected at most 1 argument, got {arguments.Positional.Length}");
        if (arguments.Positional is [var source])
        {
            if (Mapping.Is(source))
            {
                dict = Mapping.Copy(context, source);
            }
            else
            {
                foreach (object? pair in Iteration.ToList(context, source))
                {
                    List<object?> parts = Iteration.ToList(context, pair);
                    if (parts.Count != 2)
                        throw new JinjaRenderException($"dictionary update sequence element has length {parts.Count}; 2 is required");
                    dict.Set(parts[0], parts[1]);
                }
            }
        }

        foreach ((string key, object? value) in arguments.Keywords)
            dict.Set(key, value);
        return dict;
    }

    private static Function MakeJoiner(RenderContext context, Arguments arguments)
    {
        object? separator = arguments.Bind("joiner", ["sep"]).Or(0, ", ");
        bool used = false;
        return new Function("joiner", (_, _) =>
        {
            object? text = used ? separator : "";
            used = true;
            return text;
        });
    }
}
