namespace TrainingService.Datasets.Preparation;

/// <summary>The report on sequences to imitate.</summary>
public sealed record SupervisedReport : DatasetReport
{
    /// <summary>Tokens of the sequences.</summary>
    public required long Tokens { get; init; }

    /// <summary>Those of them whose prediction is trained; the first of a sequence never is.</summary>
    public required long TrainedTokens { get; init; }

    /// <inheritdoc/>
    public override long TokensRead => Tokens;

    /// <inheritdoc/>
    public override long TokensAnEpoch => Tokens;

    /// <summary>Sequences that lost their end to max_length.</summary>
    public required int SequencesTruncated { get; init; }

    /// <summary>The assistant's turns that are read but not trained, because the chat template prints them otherwise once others follow.</summary>
    public required int TurnsNotTrained { get; init; }

    /// <summary>The rows of those turns. Null when there are none.</summary>
    public required RowGroup? RowsWithTurnsNotTrained { get; init; }

    /// <summary>Lengths of the sequences before any cut, dropped rows included: the max_length that would cut nothing is its maximum.</summary>
    public required LengthQuantiles SequenceLengths { get; init; }

    /// <summary>How many tokens of a sequence are trained, before any cut, dropped rows included.</summary>
    public required LengthQuantiles TrainedLengths { get; init; }

    /// <summary>How many rows have about which <see cref="SequenceLengths"/>.</summary>
    public required IReadOnlyList<LengthBucket> SequenceLengthHistogram { get; init; }
}
