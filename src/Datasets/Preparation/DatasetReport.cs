using System.Text.Json.Serialization;

namespace TrainingService.Datasets.Preparation;

/// <summary>What preparation made of a file's rows, before any training starts.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(PairReport), "preference")]
[JsonDerivedType(typeof(LabelledReport), "labelled")]
[JsonDerivedType(typeof(SupervisedReport), "supervised")]
public abstract record DatasetReport
{
    /// <summary>Rows read.</summary>
    public required int Rows { get; init; }

    /// <summary>Pairs, labelled completions or sequences left to train on.</summary>
    public required int Kept { get; init; }

    /// <summary>Tokens that one pass reads when a prompt is read once for all of its completions.</summary>
    public abstract long TokensRead { get; }

    /// <summary>Tokens that one pass reads as TRL counts them: the prompt before each of its completions.</summary>
    public abstract long TokensAnEpoch { get; }

    /// <summary>What the rows that are kept lose to the limits of length; a row may stand in several groups.</summary>
    public required IReadOnlyList<RowGroup> Truncated { get; init; }

    /// <summary>Rows left out: those that teach nothing, and as TRL leaves them out those that the limits of length leave nothing of.</summary>
    public required IReadOnlyList<RowGroup> Dropped { get; init; }

    /// <summary>Rows that must be mended first; they are not among those kept.</summary>
    public required IReadOnlyList<RowGroup> Errors { get; init; }

    /// <summary>
    /// Rows whose prompt ids are not how their full ids begin, because template or tokenizer write the seam
    /// differently; their completions start where the ids diverge. Null when there are none.
    /// </summary>
    public required RowGroup? PromptNotPrefix { get; init; }

    /// <summary>Rows that are, token for token, an earlier row again. Null when there are none.</summary>
    public required RowGroup? Duplicates { get; init; }

    /// <summary>
    /// In a validation file: rows whose prompt is one of the training file's, so that their evaluation tells little about
    /// unseen prompts. Null when there are none, and in a training file.
    /// </summary>
    public required RowGroup? PromptsInTraining { get; init; }
}
