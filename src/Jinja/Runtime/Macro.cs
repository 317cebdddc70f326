using TrainingService.Jinja.Syntax;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Runtime;

/// <summary>A macro, or the body of a call block, with the scope it was written in.</summary>
internal sealed class Macro(MacroSignature signature, Block body, Scope scope) : ICallable
{
    public string? Name => signature.Name;

    public object? Get(string name) => name switch
    {
        "name" => signature.Name,
        "arguments" => new PythonTuple([.. signature.Parameters]),
        "catch_kwargs" => signature.Uses.HasFlag(MacroUses.Keywords),
        "catch_varargs" => signature.Uses.HasFlag(MacroUses.Positional),
        "caller" => signature.Uses.HasFlag(MacroUses.Caller),
        _ => BoundArguments.Absent,
    };

    public object? Call(RenderContext context, Arguments arguments)
    {
        context.Enter();
        int line = context.Line;
        var locals = new Scope(scope);
        Bind(context, arguments, locals);
        BoundedText outer = context.BeginCapture();
        body.Execute(context, locals);
        string text = context.EndCapture(outer);
        context.Line = line;
        context.Leave();
        return text;
    }

    private void Bind(RenderContext context, Arguments arguments, Scope locals)
    {
        string[] parameters = signature.Parameters;
        object?[] positional = arguments.Positional;
        var keywords = arguments.Keywords.ToList();
        int firstDefault = parameters.Length - signature.Defaults.Length;
        for (int i = 0; i < parameters.Length; i++)
        {
            object? value;
            if (i < positional.Length)
                value = positional[i];
            else if (!Take(keywords, parameters[i], out value))
            {
                value = i >= firstDefault
                    ? signature.Defaults[i - firstDefault].Evaluate(context, locals)
                    : new Undefined($"parameter {PythonText.Quote(parameters[i])} was not provided");
            }

            locals.Set(parameters[i], value);
        }

        if (signature.Uses.HasFlag(MacroUses.Caller) && !parameters.Contains("caller"))
        {
            bool given = Take(keywords, "caller", out object? caller) && caller is not null;
            locals.Set("caller", given ? caller : new Undefined("No caller defined"));
        }

        BindRest(context, positional, keywords, locals);
    }

    private void BindRest(
        RenderContext context, object?[] positional, List<KeyValuePair<string, object?>> keywords, Scope locals)
    {
        int count = signature.Parameters.Length;
        string shown = Name is null ? "None" : PythonText.Quote(Name);
        if (signature.Uses.HasFlag(MacroUses.Keywords))
        {
            var rest = new PythonDict(context);
            foreach ((string key, object? value) in keywords)
                rest.Set(key, value);
            locals.Set("kwargs", rest);
        }
        else if (keywords.Exists(pair => pair.Key == "caller"))
        {
            throw new JinjaRenderException(
                $"macro {shown} was invoked with two values for the special caller argument. This is most likely a bug.");
        }
        else if (keywords.Count > 0)
        {
            throw new JinjaRenderException($"macro {shown} takes no keyword argument {PythonText.Quote(keywords[0].Key)}");
        }

        if (signature.Uses.HasFlag(MacroUses.Positional))
            locals.Set("varargs", new PythonTuple(positional.Length > count ? positional[count..] : []));
        else if (positional.Length > count)
            throw new JinjaRenderException($"macro {shown} takes not more than {count} argument(s)");
    }

    private static bool Take(List<KeyValuePair<string, object?>> keywords, string name, out object? value)
    {
        int i = keywords.FindIndex(pair => pair.Key == name);
        value = i < 0 ? null : keywords[i].Value;
        if (i >= 0)
            keywords.RemoveAt(i);
        return i >= 0;
    }
}
