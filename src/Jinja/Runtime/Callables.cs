namespace TrainingService.Jinja.Runtime;

/// <summary>Something that a template can call.</summary>
internal interface ICallable
{
    object? Call(RenderContext context, Arguments arguments);
}

/// <summary>A function of the environment, or a method that knows its object.</summary>
internal sealed class Function(string name, Func<RenderContext, Arguments, object?> body) : ICallable
{
    public string Name { get; } = name;

    public object? Call(RenderContext context, Arguments arguments) => body(context, arguments);
}

/// <summary>The body of a method, filter or test: its parameters' names and what it does to a subject.</summary>
internal sealed record Operation<T>(string Name, string[] Parameters, Func<RenderContext, T, BoundArguments, object?> Body)
{
    public object? Apply(RenderContext context, T subject, Arguments arguments) =>
        Body(context, subject, arguments.Bind(Name, Parameters));
}
