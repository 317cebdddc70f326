using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Syntax;

/// <summary>Where a value is put: a name, several of them, or an attribute of a namespace.</summary>
internal abstract class Target
{
    public abstract void Assign(RenderContext context, Scope scope, object? value);
}

internal sealed class NameTarget(string name) : Target
{
    public override void Assign(RenderContext context, Scope scope, object? value) => scope.Set(name, value);
}

internal sealed class TupleTarget(Target[] targets) : Target
{
    public override void Assign(RenderContext context, Scope scope, object? value)
    {
        if (!Iteration.IsIterable(value))
            throw new JinjaRenderException($"cannot unpack non-iterable {PythonType.NameOf(value)} object");
        IReadOnlyList<object?> items = value as IReadOnlyList<object?> ?? Iteration.ToList(context, value);
        if (items.Count > targets.Length)
            throw new JinjaRenderException($"too many values to unpack (expected {targets.Length})");
        if (items.Count < targets.Length)
            throw new JinjaRenderException($"not enough values to unpack (expected {targets.Length}, got {items.Count})");
        for (int i = 0; i < targets.Length; i++)
            targets[i].Assign(context, scope, items[i]);
    }
}

internal sealed class NamespaceTarget(string name, string attribute) : Target
{
    private readonly Name _namespace = new(name);

    public override void Assign(RenderContext context, Scope scope, object? value)
    {
        if (_namespace.Evaluate(context, scope) is not PythonNamespace target)
            throw new JinjaRenderException("cannot assign attribute on non-namespace object");
        target.Attributes.Set(attribute, value);
    }
}
