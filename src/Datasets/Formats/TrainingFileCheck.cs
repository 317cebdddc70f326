namespace TrainingService.Datasets.Formats;

/// <summary>What reading a whole preference file found.</summary>
/// <param name="Format">The shape of its rows; null when no row had a known one.</param>
/// <param name="Container">How the file holds its rows: jsonl, json, csv, tsv or parquet, and <c>+gzip</c> or <c>+zstd</c>; null when it is none of these.</param>
/// <param name="Rows">Rows in the file, blank lines not counted.</param>
/// <param name="ProblemCount">Bad rows; a row with several faults counts once and tells the first. A fault of the whole file counts as one.</param>
/// <param name="FirstProblems">The first <see cref="ToldProblems"/> of them.</param>
/// <param name="Warnings">What the file's owner should know although the rows can be trained on.</param>
public sealed record TrainingFileCheck(
    PreferenceFormat? Format, string? Container, long Rows, long ProblemCount, IReadOnlyList<RowProblem> FirstProblems, IReadOnlyList<RowWarning> Warnings)
{
    /// <summary>Most problems that are told one by one.</summary>
    public const int ToldProblems = 20;

    /// <summary>Whether every row can be trained on.</summary>
    public bool IsValid => ProblemCount == 0;
}
