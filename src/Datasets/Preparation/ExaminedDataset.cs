namespace TrainingService.Datasets.Preparation;

/// <summary>What is known of a file without keeping its pairs.</summary>
/// <param name="Report">Every cut, drop and error, counted.</param>
/// <param name="Preview">The first rows that can be trained on, as the model reads them.</param>
/// <param name="Prompts">The pairs' prompts, to find in another file.</param>
public sealed record ExaminedDataset(DatasetReport Report, IReadOnlyList<PreviewRow> Preview, TokenSet Prompts)
{
    /// <summary>Most rows of a preview.</summary>
    public const int PreviewRows = 3;
}
