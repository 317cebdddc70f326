namespace TrainingService.Datasets.Formats;

/// <summary>Sums up the rows of a file: counts all, tells the first.</summary>
internal sealed class TrainingFileTally
{
    // Names of unused fields are the file's own, so their number is not ours to trust.
    private const int MaxWarnings = 20;

    private readonly List<RowProblem> _firstProblems = [];
    private readonly OrderedDictionary<string, RowWarning> _warnings = [];
    private long _rows, _problems;

    public void Add(RowNotes notes)
    {
        if (notes.Row > 0) _rows++;
        if (notes.Problem is { } problem) Add(problem);
        foreach (string message in notes.Warnings)
        {
            if (_warnings.TryGetValue(message, out RowWarning? warning)) _warnings[message] = warning with { Rows = warning.Rows + 1 };
            else if (_warnings.Count < MaxWarnings) _warnings[message] = new(message, 1, notes.Row);
        }
    }

    public TrainingFileCheck Finish(PreferenceFormat? format, string? container)
    {
        if (_rows == 0 && _problems == 0) Add(new RowProblem(0, "", "The file is empty: it has no rows."));
        return new(format, container, _rows, _problems, _firstProblems, [.. _warnings.Values]);
    }

    private void Add(RowProblem problem)
    {
        _problems++;
        if (_firstProblems.Count < TrainingFileCheck.ToldProblems) _firstProblems.Add(problem);
    }
}
