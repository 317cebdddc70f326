namespace TrainingService.Jinja.Values;

/// <summary>
/// The value of a name or attribute that does not exist: prints as nothing, is false and empty;
/// any other use raises the problem it carries.
/// </summary>
internal sealed class Undefined(string problem)
{
    public static Undefined Attribute(object? target, object? name) => new(
        name is string text
            ? $"{PythonText.Quote(PythonType.Describe(target))} has no attribute {PythonText.Quote(text)}"
            : $"{PythonType.Describe(target)} has no element {PythonText.Plain(name)}");

    public JinjaRenderException Fail() => new(problem);

    /// <summary>Raises the problem of the first operand that is undefined.</summary>
    public static void Refuse(object? left, object? right = null)
    {
        if ((left as Undefined ?? right as Undefined) is { } undefined)
            throw undefined.Fail();
    }
}
