namespace TrainingService.Datasets.Preparation;

/// <summary>A prompt with one completion and a thumb up or down.</summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="PromptIds">The tokens that the completion follows.</param>
/// <param name="CompletionIds">The completion; never empty.</param>
/// <param name="Label">Whether the completion is desirable.</param>
public sealed record TokenizedExample(long Row, int[] PromptIds, int[] CompletionIds, bool Label) : TokenizedRow(Row);
