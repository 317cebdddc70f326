using System.Text.Json;
using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Containers;

/// <summary>
/// One row of a container: a JSON object, or what keeps it from being one. The object is valid until the next row is asked for.
/// </summary>
/// <param name="Number">
/// Where the row is found: the line in JSON Lines, the element in a JSON array, the row of data in CSV, TSV and Parquet,
/// all from 1; 0 when the file as a whole is meant.
/// </param>
/// <param name="Value">The object; meaningless when there is a problem.</param>
/// <param name="Problem">Why there is no object; null when there is one.</param>
internal readonly record struct ContainerRow(long Number, JsonElement Value, RowProblem? Problem)
{
    public static ContainerRow Bad(long number, string reason) => new(number, default, new RowProblem(number, "", reason));
}
