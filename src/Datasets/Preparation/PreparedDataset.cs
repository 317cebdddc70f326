namespace TrainingService.Datasets.Preparation;

/// <summary>A file's rows as token ids, and what became of them.</summary>
/// <param name="Rows">The rows that can be trained on, in file order; what KTO makes of pairs in TRL's.</param>
/// <param name="Report">Every cut, drop and error, counted.</param>
/// <param name="Prompts">The rows' prompts, to find in another file.</param>
public sealed record PreparedDataset(IReadOnlyList<TokenizedRow> Rows, DatasetReport Report, TokenSet Prompts);
