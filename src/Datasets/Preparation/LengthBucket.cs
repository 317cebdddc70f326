namespace TrainingService.Datasets.Preparation;

/// <summary>Rows of about the same length in tokens.</summary>
/// <param name="From">The shortest length of the bucket.</param>
/// <param name="To">The longest length of the bucket.</param>
/// <param name="Rows">How many rows are that long.</param>
public sealed record LengthBucket(int From, int To, int Rows);
