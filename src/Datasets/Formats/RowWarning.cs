namespace TrainingService.Datasets.Formats;

/// <summary>Something in a file that does not keep it from being trained on, but that its owner may not have meant.</summary>
/// <param name="Message">What was met, as a sentence.</param>
/// <param name="Rows">How many rows it concerns.</param>
/// <param name="FirstRow">The first of them.</param>
public sealed record RowWarning(string Message, long Rows, long FirstRow);
