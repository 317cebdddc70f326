namespace TrainingService.Datasets.Preparation;

/// <summary>What preparation made of a file's rows, before any training starts.</summary>
public sealed record DatasetReport
{
    /// <summary>Rows read.</summary>
    public required int Rows { get; init; }

    /// <summary>Pairs left to train on.</summary>
    public required int Pairs { get; init; }

    /// <summary>Tokens of the pairs' prompts, each prompt once.</summary>
    public required long PromptTokens { get; init; }

    /// <summary>Tokens of the chosen completions.</summary>
    public required long ChosenTokens { get; init; }

    /// <summary>Tokens of the rejected completions.</summary>
    public required long RejectedTokens { get; init; }

    /// <summary>Tokens that one pass over the pairs reads as TRL counts them: the prompt before each of its completions.</summary>
    public long TokensAnEpoch => (2 * PromptTokens) + ChosenTokens + RejectedTokens;

    /// <summary>Pairs whose prompt lost its start to max_prompt_length.</summary>
    public required int PromptsTruncated { get; init; }

    /// <summary>Pairs whose chosen completion lost its end to max_length.</summary>
    public required int ChosenTruncated { get; init; }

    /// <summary>Pairs whose rejected completion lost its end to max_length.</summary>
    public required int RejectedTruncated { get; init; }

    /// <summary>What the pairs that are kept lose to the limits of length; a pair may stand in several groups.</summary>
    public required IReadOnlyList<RowGroup> Truncated { get; init; }

    /// <summary>Pairs left out, as TRL leaves them out.</summary>
    public required IReadOnlyList<RowGroup> Dropped { get; init; }

    /// <summary>Rows that must be mended first; they are not among the pairs.</summary>
    public required IReadOnlyList<RowGroup> Errors { get; init; }

    /// <summary>
    /// Pairs whose prompt ids are not how their full ids begin, because template or tokenizer write the seam
    /// differently; their completions start where the ids diverge. Null when there are none.
    /// </summary>
    public required RowGroup? PromptNotPrefix { get; init; }

    /// <summary>Pairs whose two completions have the same tokens, often after being cut; they teach nothing. Null when there are none.</summary>
    public required RowGroup? IdenticalCompletions { get; init; }

    /// <summary>Pairs that are, token for token, an earlier row again. Null when there are none.</summary>
    public required RowGroup? Duplicates { get; init; }

    /// <summary>
    /// In a validation file: pairs whose prompt is one of the training file's, so that their evaluation tells little about
    /// unseen prompts. Null when there are none, and in a training file.
    /// </summary>
    public required RowGroup? PromptsInTraining { get; init; }

    /// <summary>Share of the pairs whose chosen completion has more tokens; far from one half, the length itself is learnt.</summary>
    public required double ChosenLongerShare { get; init; }

    /// <summary>Lengths of the prompts before any cut, dropped rows included.</summary>
    public required LengthQuantiles PromptLengths { get; init; }

    /// <summary>Lengths of the chosen completions before any cut, dropped rows included.</summary>
    public required LengthQuantiles ChosenLengths { get; init; }

    /// <summary>Lengths of the rejected completions before any cut, dropped rows included.</summary>
    public required LengthQuantiles RejectedLengths { get; init; }

    /// <summary>Lengths of prompt and longer completion together before any cut: the max_length that would cut nothing is its maximum.</summary>
    public required LengthQuantiles PairLengths { get; init; }

    /// <summary>How many rows have about which <see cref="PairLengths"/>.</summary>
    public required IReadOnlyList<LengthBucket> PairLengthHistogram { get; init; }
}
