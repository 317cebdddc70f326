namespace TrainingService.Datasets.Preparation;

/// <summary>The report on pairs.</summary>
public sealed record PairReport : DatasetReport
{
    /// <summary>Pairs left to train on.</summary>
    public int Pairs => Kept;

    /// <summary>Tokens of the pairs' prompts, each prompt once.</summary>
    public required long PromptTokens { get; init; }

    /// <summary>Tokens of the chosen completions.</summary>
    public required long ChosenTokens { get; init; }

    /// <summary>Tokens of the rejected completions.</summary>
    public required long RejectedTokens { get; init; }

    /// <inheritdoc/>
    public override long TokensRead => PromptTokens + ChosenTokens + RejectedTokens;

    /// <inheritdoc/>
    public override long TokensAnEpoch => TokensRead + PromptTokens;

    /// <summary>Pairs whose prompt lost its start to max_prompt_length.</summary>
    public required int PromptsTruncated { get; init; }

    /// <summary>Pairs whose chosen completion lost its end to max_length.</summary>
    public required int ChosenTruncated { get; init; }

    /// <summary>Pairs whose rejected completion lost its end to max_length.</summary>
    public required int RejectedTruncated { get; init; }

    /// <summary>Pairs whose two completions have the same tokens, often after being cut; they teach nothing. Null when there are none.</summary>
    public required RowGroup? IdenticalCompletions { get; init; }

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
