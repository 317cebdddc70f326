using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Syntax;

/// <summary>A for loop; each iteration has a scope of its own, so what it sets is gone in the next one.</summary>
internal sealed class For(
    int line, Target target, Expression source, Expression? condition, bool recursive, Block body, Block otherwise)
    : Statement(line)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        Run(context, scope, source.Evaluate(context, scope), depth0: 0);
        return Flow.Normal;
    }

    private void Run(RenderContext context, Scope scope, object? items, int depth0)
    {
        IEnumerable<object?> sequence = Iteration.Of(context, items);
        int? length = condition is null ? Iteration.TryLength(items) : null;
        if (condition is not null)
            sequence = Filter(context, scope, sequence, condition);
        var loop = new LoopState(context, sequence, length, depth0, recursive ? Recurse : null);

        bool completed = false;
        while (loop.MoveNext())
        {
            var iteration = new Scope(scope);
            iteration.Set("loop", loop);
            target.Assign(context, iteration, loop.Current);
            Flow flow = body.Execute(context, iteration);
            if (flow == Flow.Break)
                break;
            // As in Jinja2, an iteration that breaks or continues does not count, so else still runs.
            completed |= flow == Flow.Normal;
        }

        if (!completed)
            otherwise.Execute(context, new Scope(scope));

        string Recurse(object? deeper, int depth)
        {
            context.Enter();
            BoundedText outer = context.BeginCapture();
            Run(context, scope, deeper, depth);
            context.Leave();
            return context.EndCapture(outer);
        }
    }

    private IEnumerable<object?> Filter(
        RenderContext context, Scope scope, IEnumerable<object?> items, Expression test)
    {
        foreach (object? item in items)
        {
            var candidate = new Scope(scope);
            target.Assign(context, candidate, item);
            if (PythonTruth.Of(test.Evaluate(context, candidate)))
                yield return item;
        }
    }
}
