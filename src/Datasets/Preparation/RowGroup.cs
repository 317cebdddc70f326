namespace TrainingService.Datasets.Preparation;

/// <summary>Rows that share a fate.</summary>
/// <param name="Reason">Why, as a sentence.</param>
/// <param name="Rows">How many.</param>
/// <param name="FirstRows">The lines of the first of them.</param>
public sealed record RowGroup(string Reason, int Rows, IReadOnlyList<long> FirstRows);
