namespace TrainingService.Jinja;

/// <summary>
/// Rendering failed: the template called <c>raise_exception</c> (whose text is then the message),
/// an operation had no meaning for its operands, or a limit was reached.
/// </summary>
public sealed class JinjaRenderException : Exception
{
    internal JinjaRenderException(string message)
        : base(message)
    {
    }

    /// <summary>The line of the statement that failed, counted from 1.</summary>
    public int Line { get; internal set; }
}
