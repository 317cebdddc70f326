namespace TrainingService.Datasets.Formats;

/// <summary>What reading one row found: the fault that makes it unusable, or things worth a warning.</summary>
internal sealed class RowNotes
{
    private readonly List<string> _warnings = [];

    /// <summary>The row's number.</summary>
    public long Row { get; private set; }

    /// <summary>The first fault met.</summary>
    public RowProblem? Problem { get; private set; }

    /// <summary>Whether the fault is only that the row has no known shape, which a column mapping may give it.</summary>
    public bool IsUnrecognised { get; private set; }

    public IReadOnlyList<string> Warnings => _warnings;

    public void Begin(long row)
    {
        Row = row;
        Problem = null;
        IsUnrecognised = false;
        _warnings.Clear();
    }

    public void Fail(string field, string reason) => Problem ??= new RowProblem(Row, field, reason);

    public void FailUnrecognised(string reason)
    {
        IsUnrecognised = Problem is null;
        Fail("", reason);
    }

    /// <summary>Notes a fault and returns null, so that a reader may end with it.</summary>
    public T? Fail<T>(string field, string reason) where T : class
    {
        Fail(field, reason);
        return null;
    }

    /// <summary>Gives the fault's field another path.</summary>
    public void MoveProblem(Func<string, string> pathOf) => Problem = Problem is { } problem ? problem with { Field = pathOf(problem.Field) } : null;

    public void Warn(string message)
    {
        if (!_warnings.Contains(message)) _warnings.Add(message);
    }
}
