namespace TrainingService.Jinja;

/// <summary>The template is not valid Jinja, or uses a part of it that chat templates may not.</summary>
public sealed class JinjaSyntaxException : Exception
{
    internal JinjaSyntaxException(string problem, int line)
        : base($"line {line}: {problem}") => Line = line;

    /// <summary>The line of the template's text, counted from 1.</summary>
    public int Line { get; }
}
