using TrainingService.Jinja.Library;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Syntax;

/// <summary>The arguments as written: <c>(a, b, *rest, name=c, **more)</c>.</summary>
internal sealed record ArgumentList(
    Expression[] Positional, (string Name, Expression Value)[] Keywords, Expression? Rest, Expression? More)
{
    public static readonly ArgumentList Empty = new([], [], null, null);

    public Arguments Evaluate(RenderContext context, Scope scope)
    {
        if (Positional.Length == 0 && Keywords.Length == 0 && Rest is null && More is null)
            return Arguments.None;
        object?[] positional = Array.ConvertAll(Positional, argument => argument.Evaluate(context, scope));
        if (Rest is not null)
            positional = [.. positional, .. Iteration.ToList(context, Rest.Evaluate(context, scope))];
        KeyValuePair<string, object?>[] keywords = Array.ConvertAll(
            Keywords, keyword => KeyValuePair.Create(keyword.Name, keyword.Value.Evaluate(context, scope)));
        if (More is not null)
            keywords = [.. keywords, .. NamedValues(context, More.Evaluate(context, scope))];
        return new Arguments(positional, keywords);
    }

    private static IEnumerable<KeyValuePair<string, object?>> NamedValues(RenderContext context, object? mapping)
    {
        context.ReserveList(Mapping.Count(mapping));
        return Mapping.Pairs(mapping).Select(pair => KeyValuePair.Create(
            pair.Key as string ?? throw new JinjaRenderException("keywords must be strings"), pair.Value));
    }
}

internal sealed class Call(Expression callee, ArgumentList arguments) : Expression
{
    /// <summary>Calls with the body of a call block as the keyword <c>caller</c>.</summary>
    public object? EvaluateWithCaller(RenderContext context, Scope scope, Macro caller)
    {
        Arguments values = arguments.Evaluate(context, scope);
        return Invoke(context, scope, values with { Keywords = [.. values.Keywords, KeyValuePair.Create("caller", (object?)caller)] });
    }

    protected override object? Compute(RenderContext context, Scope scope) =>
        Invoke(context, scope, arguments.Evaluate(context, scope));

    private object? Invoke(RenderContext context, Scope scope, Arguments values)
    {
        object? function = callee.Evaluate(context, scope);
        Undefined.Refuse(function);
        if (function is not ICallable callable)
            throw new JinjaRenderException($"'{PythonType.NameOf(function)}' object is not callable");
        return callable.Call(context, values);
    }
}

/// <summary><c>value | filter(arguments)</c>; in a filter block there is no value expression.</summary>
internal sealed class FilterCall(Expression? value, string name, ArgumentList arguments) : Expression
{
    private readonly Filter? _filter = Filters.Find(name);

    /// <summary>Filters the text of a block through the whole chain.</summary>
    public object? Apply(RenderContext context, Scope scope, object? blockText)
    {
        // A chain of filters recurses here, past Evaluate and its check.
        RenderContext.CheckStack();
        object? input = value switch
        {
            null => blockText,
            FilterCall inner => inner.Apply(context, scope, blockText),
            _ => value.Evaluate(context, scope),
        };
        if (_filter is null)
            throw new JinjaRenderException($"No filter named {PythonText.Quote(name)} found.");
        return _filter(context, input, arguments.Evaluate(context, scope));
    }

    protected override object? Compute(RenderContext context, Scope scope) => Apply(context, scope, blockText: null);
}

/// <summary><c>value is test(arguments)</c>.</summary>
internal sealed class TestCall(Expression value, string name, ArgumentList arguments) : Expression
{
    private readonly Test? _test = Tests.Find(name);

    protected override object? Compute(RenderContext context, Scope scope)
    {
        object? subject = value.Evaluate(context, scope);
        if (_test is null)
            throw new JinjaRenderException($"No test named {PythonText.Quote(name)} found.");
        return _test(context, subject, arguments.Evaluate(context, scope));
    }
}
