namespace TrainingService.Datasets.Preparation;

/// <summary>A file's pairs as token ids, in file order, and what became of its rows.</summary>
/// <param name="Pairs">The pairs that can be trained on.</param>
/// <param name="Report">Every cut, drop and error, counted.</param>
/// <param name="Prompts">The pairs' prompts, to find in another file.</param>
public sealed record PreparedDataset(IReadOnlyList<TokenizedPair> Pairs, DatasetReport Report, TokenSet Prompts);
