namespace TrainingService.Datasets.Preparation;

/// <summary>How long the rows are, in tokens. Each value is that of an actual row (nearest rank).</summary>
/// <param name="Minimum">The shortest.</param>
/// <param name="Median">Half of the rows are no longer.</param>
/// <param name="P90">Nine of ten rows are no longer.</param>
/// <param name="P99">All but one in a hundred are no longer.</param>
/// <param name="Maximum">The longest.</param>
public sealed record LengthQuantiles(int Minimum, int Median, int P90, int P99, int Maximum);
