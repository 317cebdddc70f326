using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Syntax;

/// <summary>A node that has a value. Nodes are immutable: all state is in the context and the scope.</summary>
internal abstract class Expression
{
    public object? Evaluate(RenderContext context, Scope scope)
    {
        context.Charge();
        // Long chains (1 + 1 + …) make trees as deep as they are long.
        RenderContext.CheckStack();
        return Compute(context, scope);
    }

    protected abstract object? Compute(RenderContext context, Scope scope);
}

internal sealed class Constant(object? value) : Expression
{
    public object? Value { get; } = value;

    protected override object? Compute(RenderContext context, Scope scope) => Value;
}

internal sealed class Name(string text) : Expression
{
    public string Text { get; } = text;

    protected override object? Compute(RenderContext context, Scope scope) =>
        scope.TryGet(Text, out object? value) ? value : context.Lookup(Text);
}

internal sealed class ListLiteral(Expression[] items) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope) =>
        Array.ConvertAll(items, item => item.Evaluate(context, scope));
}

internal sealed class TupleLiteral(Expression[] items) : Expression
{
    public Expression[] Items { get; } = items;

    protected override object? Compute(RenderContext context, Scope scope) =>
        new PythonTuple(Array.ConvertAll(Items, item => item.Evaluate(context, scope)));
}

internal sealed class DictLiteral((Expression Key, Expression Value)[] pairs) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope)
    {
        var dict = new PythonDict(context);
        foreach ((Expression key, Expression value) in pairs)
            dict.Set(key.Evaluate(context, scope), value.Evaluate(context, scope));
        return dict;
    }
}

internal sealed class AttributeAccess(Expression target, string name) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope) =>
        Attributes.Get(context, target.Evaluate(context, scope), name);
}

internal sealed class ItemAccess(Expression target, Expression key) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope) =>
        Attributes.GetItem(context, target.Evaluate(context, scope), key.Evaluate(context, scope));
}

internal sealed class SliceLiteral(Expression? start, Expression? stop, Expression? step) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope) => new PythonSlice(
        start?.Evaluate(context, scope), stop?.Evaluate(context, scope), step?.Evaluate(context, scope));
}
