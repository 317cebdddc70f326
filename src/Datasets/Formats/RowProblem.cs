namespace TrainingService.Datasets.Formats;

/// <summary>Why a row cannot be trained on.</summary>
/// <param name="Row">Where in the file, from 1: the line in JSON Lines, the element of a JSON array, the row of data in CSV, TSV and Parquet; 0 when the file as a whole is meant.</param>
/// <param name="Field">The path of the field, for example <c>input.messages[1].role</c>; empty when the whole row is meant.</param>
/// <param name="Reason">What is wrong and what would be right, as a sentence.</param>
public sealed record RowProblem(long Row, string Field, string Reason)
{
    /// <summary>Row, field and reason in one line.</summary>
    public override string ToString() => (Row, Field) switch
    {
        (0, _) => Reason,
        (_, "") => $"Row {Row}: {Reason}",
        _ => $"Row {Row}, {Field}: {Reason}",
    };
}
