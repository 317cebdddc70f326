namespace TrainingService.Datasets.Formats;

/// <summary>What reading one row found: the fault that makes it unusable, or things worth a warning.</summary>
internal sealed class RowNotes
{
    private readonly List<string> _warnings = [];

    /// <summary>The row's line.</summary>
    public long Row { get; private set; }

    /// <summary>The first fault met.</summary>
    public RowProblem? Problem { get; private set; }

    public IReadOnlyList<string> Warnings => _warnings;

    public void Begin(long row)
    {
        Row = row;
        Problem = null;
        _warnings.Clear();
    }

    public void Fail(string field, string reason) => Problem ??= new RowProblem(Row, field, reason);

    /// <summary>Notes a fault and returns null, so that a reader may end with it.</summary>
    public T? Fail<T>(string field, string reason) where T : class
    {
        Fail(field, reason);
        return null;
    }

    public void Warn(string message)
    {
        if (!_warnings.Contains(message)) _warnings.Add(message);
    }
}
