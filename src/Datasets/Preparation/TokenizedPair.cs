namespace TrainingService.Datasets.Preparation;

/// <summary>A prompt with a better and a worse completion. Prompt and completion together are what the model reads.</summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="PromptIds">The tokens that both completions follow.</param>
/// <param name="ChosenIds">The preferred completion; never empty.</param>
/// <param name="RejectedIds">The other completion; never empty.</param>
public sealed record TokenizedPair(long Row, int[] PromptIds, int[] ChosenIds, int[] RejectedIds) : TokenizedRow(Row);
