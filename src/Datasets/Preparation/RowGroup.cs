using System.Text.Json.Serialization;

namespace TrainingService.Datasets.Preparation;

/// <summary>Rows that share a fate.</summary>
/// <param name="Reason">Why, as a sentence.</param>
/// <param name="Rows">How many.</param>
/// <param name="FirstRows">The lines of the first of them.</param>
public sealed record RowGroup(string Reason, int Rows, IReadOnlyList<long> FirstRows)
{
    /// <summary>How many rows, and which, in words: <c>3 rows (4, 7, 9)</c>.</summary>
    [JsonIgnore]
    public string Which => $"{Rows} {(Rows == 1 ? "row" : "rows")} ({string.Join(", ", FirstRows)}{(Rows > FirstRows.Count ? ", …" : "")})";

    /// <summary>The groups in words: how many rows, which, and why.</summary>
    public static string Tell(IEnumerable<RowGroup> groups) => string.Join(" ", groups.Select(g => $"{g.Which}: {g.Reason}"));
}
