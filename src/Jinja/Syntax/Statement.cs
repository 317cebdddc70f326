using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Syntax;

/// <summary>How a statement ended: whether the loop around it goes on, skips to the next item or stops.</summary>
internal enum Flow
{
    Normal,
    Continue,
    Break,
}

/// <summary>A node that writes text or sets names.</summary>
internal abstract class Statement(int line)
{
    public int Line { get; } = line;

    public abstract Flow Execute(RenderContext context, Scope scope);
}

/// <summary>Statements one after the other.</summary>
internal sealed class Block(Statement[] statements)
{
    public Flow Execute(RenderContext context, Scope scope)
    {
        RenderContext.CheckStack();
        foreach (Statement statement in statements)
        {
            context.Charge();
            context.Line = statement.Line;
            Flow flow = statement.Execute(context, scope);
            if (flow != Flow.Normal)
                return flow;
        }

        return Flow.Normal;
    }
}

internal sealed class Text(int line, string text) : Statement(line)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        context.Output.Append(text);
        return Flow.Normal;
    }
}

internal sealed class Print(int line, Expression value) : Statement(line)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        context.Output.Append(PythonText.Of(context, value.Evaluate(context, scope)));
        return Flow.Normal;
    }
}

internal sealed class LoopJump(int line, Flow flow) : Statement(line)
{
    public override Flow Execute(RenderContext context, Scope scope) => flow;
}

internal sealed class If(int line, (Expression Test, Block Body)[] branches, Block otherwise) : Statement(line)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        foreach ((Expression test, Block body) in branches)
        {
            if (PythonTruth.Of(test.Evaluate(context, scope)))
                return body.Execute(context, scope);
        }

        return otherwise.Execute(context, scope);
    }
}

internal sealed class Set(int line, Target target, Expression value) : Statement(line)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        target.Assign(context, scope, value.Evaluate(context, scope));
        return Flow.Normal;
    }
}
