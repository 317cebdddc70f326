namespace TrainingService.Datasets.Formats;

/// <summary>A file that passed its check holds a row that cannot be read: it was changed since, or never checked.</summary>
public sealed class TrainingFileException(RowProblem problem) : Exception(problem.ToString())
{
    /// <summary>The row and its fault.</summary>
    public RowProblem Problem { get; } = problem;
}
