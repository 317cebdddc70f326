namespace TrainingService.Datasets.Formats;

/// <summary>Sums up the rows of a file: counts all, tells the first.</summary>
internal sealed class TrainingFileTally
{
    // Names of unused fields are the file's own, so their number is not ours to trust.
    private const int MaxWarnings = 20;

    private readonly List<RowProblem> _firstProblems = [];
    private readonly OrderedDictionary<string, RowWarning> _warnings = [];
    private long _rows, _problems, _unrecognised;

    public void Add(RowNotes notes)
    {
        if (notes.Row > 0) _rows++;
        if (notes.Problem is { } problem) Add(problem);
        if (notes.IsUnrecognised) _unrecognised++;
        foreach (string message in notes.Warnings)
        {
            if (_warnings.TryGetValue(message, out RowWarning? warning)) _warnings[message] = warning with { Rows = warning.Rows + 1 };
            else if (_warnings.Count < MaxWarnings) _warnings[message] = new(message, 1, notes.Row);
        }
    }

    public TrainingFileCheck Finish(RowShape? shape, string? container)
    {
        if (_rows == 0 && _problems == 0) Add(new RowProblem(0, "", "The file is empty: it has no rows."));
        // Objects all of an unknown shape are no faults: the job may say which of their columns is what.
        if (shape is null && _unrecognised == _problems)
            return new(null, container, _rows, 0, [], [new RowWarning(_firstProblems[0].Reason, _rows, _firstProblems[0].Row)]);
        return new(shape, container, _rows, _problems, _firstProblems, [.. _warnings.Values]);
    }

    private void Add(RowProblem problem)
    {
        _problems++;
        if (_firstProblems.Count < TrainingFileCheck.ToldProblems) _firstProblems.Add(problem);
    }
}
