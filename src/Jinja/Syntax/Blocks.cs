using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Syntax;

/// <summary><c>{% macro %}</c>: names a piece of template.</summary>
internal sealed class MacroDefinition(int line, MacroSignature signature, Block body) : Statement(line)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        scope.Set(signature.Name!, new Macro(signature, body, scope));
        return Flow.Normal;
    }
}

/// <summary><c>{% call %}</c>: calls a macro, which may call the block's body back.</summary>
internal sealed class CallBlock(int line, Call call, MacroSignature signature, Block body) : Statement(line)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        object? text = call.EvaluateWithCaller(context, scope, new Macro(signature, body, scope));
        context.Output.Append(PythonText.Of(context, text));
        return Flow.Normal;
    }
}

/// <summary><c>{% filter upper %}</c>: writes its body through filters.</summary>
internal sealed class FilterBlock(int line, FilterCall filter, Block body) : Statement(line)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        BoundedText outer = context.BeginCapture();
        Flow flow = body.Execute(context, new Scope(scope));
        string text = context.EndCapture(outer);
        if (flow == Flow.Normal)
            context.Output.Append(PythonText.Of(context, filter.Apply(context, scope, text)));
        return flow;
    }
}

/// <summary><c>{% set x %}…{% endset %}</c>: a name for the text of its body.</summary>
internal sealed class SetBlock(int line, Target target, FilterCall? filter, Block body) : Statement(line)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        BoundedText outer = context.BeginCapture();
        Flow flow = body.Execute(context, new Scope(scope));
        string text = context.EndCapture(outer);
        if (flow == Flow.Normal)
            target.Assign(context, scope, filter is null ? text : filter.Apply(context, scope, text));
        return flow;
    }
}

/// <summary>
/// A body with a scope of its own: <c>{% with %}</c>, and <c>{% block %}</c> and <c>{% generation %}</c>, which set nothing first.
/// </summary>
internal sealed class ScopedBlock(int line, (Target Target, Expression Value)[] assignments, Block body) : Statement(line)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        var inner = new Scope(scope);
        foreach ((Target target, Expression value) in assignments)
            target.Assign(context, inner, value.Evaluate(context, scope));
        return body.Execute(context, inner);
    }
}
