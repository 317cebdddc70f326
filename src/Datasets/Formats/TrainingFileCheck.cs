namespace TrainingService.Datasets.Formats;

/// <summary>What reading a whole training file found.</summary>
/// <param name="Shape">The shape of its rows; null when no row had a known one.</param>
/// <param name="Container">How the file holds its rows: jsonl, json, csv, tsv or parquet, and <c>+gzip</c> or <c>+zstd</c>; null when it is none of these.</param>
/// <param name="Rows">Rows in the file, blank lines not counted.</param>
/// <param name="ProblemCount">Bad rows; a row with several faults counts once and tells the first. A fault of the whole file counts as one.</param>
/// <param name="FirstProblems">The first <see cref="ToldProblems"/> of them.</param>
/// <param name="Warnings">What the file's owner should know although the rows can be trained on.</param>
public sealed record TrainingFileCheck(
    RowShape? Shape, string? Container, long Rows, long ProblemCount, IReadOnlyList<RowProblem> FirstProblems, IReadOnlyList<RowWarning> Warnings)
{
    /// <summary>Most problems that are told one by one.</summary>
    public const int ToldProblems = 20;

    /// <summary>The format of a file whose rows have no known shape: a job on it needs a column mapping.</summary>
    public const string CustomFormat = "custom";

    /// <summary>Whether every row can be trained on, if only with a column mapping.</summary>
    public bool IsValid => ProblemCount == 0;

    /// <summary>The name of the shape for the file's record.</summary>
    public string Format => Shape?.Name ?? CustomFormat;
}
