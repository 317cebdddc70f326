namespace TrainingService.Datasets.Preparation;

/// <summary>Collects the report on sequences to imitate.</summary>
internal sealed class SupervisedTally(TokenSet? trainedPrompts) : DatasetTally(trainedPrompts)
{
    private readonly LengthCounts _lengths = new(), _trainedLengths = new();
    private readonly RowGroups _notTrained = new();
    private int _truncated, _turnsNotTrained;
    private long _tokens, _trainedTokens;

    public override DatasetReport Finish() => new SupervisedReport
    {
        Rows = Rows,
        Kept = Kept,
        Tokens = _tokens,
        TrainedTokens = _trainedTokens,
        SequencesTruncated = _truncated,
        TurnsNotTrained = _turnsNotTrained,
        RowsWithTurnsNotTrained = _notTrained.Only(),
        Truncated = Truncated,
        Dropped = Dropped.ToList(),
        Errors = Errors.ToList(),
        PromptNotPrefix = PromptNotPrefix,
        Duplicates = Duplicates,
        PromptsInTraining = PromptsInTraining,
        SequenceLengths = _lengths.Quantiles(),
        TrainedLengths = _trainedLengths.Quantiles(),
        SequenceLengthHistogram = _lengths.Histogram(),
    };

    protected override void Measure(TokenizedRow whole)
    {
        var sequence = (TokenizedSequence)whole;
        _lengths.Add(sequence.Ids.Length);
        _trainedLengths.Add(TrainedOf(sequence));
    }

    protected override void Count(EncodedRow encoded, TokenizedRow cutRow)
    {
        var cut = (TokenizedSequence)cutRow;
        _tokens += cut.Ids.Length;
        _trainedTokens += TrainedOf(cut);
        if (encoded.TurnsNotPlaced > 0)
        {
            _turnsNotTrained += encoded.TurnsNotPlaced;
            _notTrained.Add("The chat template prints some of the assistant's turns otherwise once others follow; they are read but not trained.", cut.Row);
        }
        if (cut.Ids.Length < ((TokenizedSequence)encoded.Row).Ids.Length) Truncate(ref _truncated, "The sequence is longer than max_length and loses its end.", cut.Row);
    }

    private static int TrainedOf(TokenizedSequence sequence) => sequence.Trained.AsSpan(1).Count(true);
}
