namespace TrainingService.Datasets.Preparation;

/// <summary>How long a pair may be.</summary>
/// <param name="MaxLength">Most tokens of prompt and completion together, which keep their start; null sets no limit.</param>
/// <param name="MaxPromptLength">Most tokens of a prompt, which keeps its end; null sets no limit.</param>
public sealed record PreparationOptions(int? MaxLength, int? MaxPromptLength);
