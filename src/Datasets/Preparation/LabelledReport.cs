namespace TrainingService.Datasets.Preparation;

/// <summary>The report on labelled completions; a pair that KTO trains on is two of them.</summary>
public sealed record LabelledReport : DatasetReport
{
    /// <summary>Completions left with a thumb up.</summary>
    public required int Desirable { get; init; }

    /// <summary>Completions left with a thumb down.</summary>
    public required int Undesirable { get; init; }

    /// <summary>Tokens of the prompts.</summary>
    public required long PromptTokens { get; init; }

    /// <summary>Tokens of the desirable completions.</summary>
    public required long DesirableTokens { get; init; }

    /// <summary>Tokens of the undesirable completions.</summary>
    public required long UndesirableTokens { get; init; }

    /// <inheritdoc/>
    public override long TokensRead => PromptTokens + DesirableTokens + UndesirableTokens;

    /// <inheritdoc/>
    public override long TokensAnEpoch => TokensRead;

    /// <summary>Rows whose prompt lost its start to max_prompt_length.</summary>
    public required int PromptsTruncated { get; init; }

    /// <summary>Rows whose completion lost its end to max_length.</summary>
    public required int CompletionsTruncated { get; init; }

    /// <summary>Lengths of the prompts before any cut, dropped rows included.</summary>
    public required LengthQuantiles PromptLengths { get; init; }

    /// <summary>Lengths of the completions before any cut, dropped rows included.</summary>
    public required LengthQuantiles CompletionLengths { get; init; }

    /// <summary>Lengths of prompt and completion together before any cut: the max_length that would cut nothing is its maximum.</summary>
    public required LengthQuantiles RowLengths { get; init; }

    /// <summary>How many rows have about which <see cref="RowLengths"/>.</summary>
    public required IReadOnlyList<LengthBucket> RowLengthHistogram { get; init; }
}
