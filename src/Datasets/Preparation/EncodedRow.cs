namespace TrainingService.Datasets.Preparation;

/// <summary>A row as token ids before any cut.</summary>
/// <param name="Row">The ids.</param>
/// <param name="PromptIsPrefix">Whether the prompt's own ids are how the ids with every completion begin.</param>
/// <param name="TurnsNotPlaced">The assistant's turns that a template printed otherwise in the whole conversation than when they were its last.</param>
internal sealed record EncodedRow(TokenizedRow Row, bool PromptIsPrefix = true, int TurnsNotPlaced = 0);
