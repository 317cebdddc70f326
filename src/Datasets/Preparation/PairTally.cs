namespace TrainingService.Datasets.Preparation;

/// <summary>Collects the report on pairs.</summary>
internal sealed class PairTally(TokenSet? trainedPrompts) : DatasetTally(trainedPrompts)
{
    private readonly RowGroups _identical = new();
    private readonly LengthCounts _promptLengths = new(), _chosenLengths = new(), _rejectedLengths = new(), _pairLengths = new();
    private int _promptsTruncated, _chosenTruncated, _rejectedTruncated, _chosenLonger;
    private long _promptTokens, _chosenTokens, _rejectedTokens;

    public override DatasetReport Finish() => new PairReport
    {
        Rows = Rows,
        Kept = Kept,
        PromptTokens = _promptTokens,
        ChosenTokens = _chosenTokens,
        RejectedTokens = _rejectedTokens,
        PromptsTruncated = _promptsTruncated,
        ChosenTruncated = _chosenTruncated,
        RejectedTruncated = _rejectedTruncated,
        Truncated = Truncated,
        Dropped = Dropped.ToList(),
        Errors = Errors.ToList(),
        PromptNotPrefix = PromptNotPrefix,
        IdenticalCompletions = _identical.Only(),
        Duplicates = Duplicates,
        PromptsInTraining = PromptsInTraining,
        ChosenLongerShare = Kept == 0 ? 0 : (double)_chosenLonger / Kept,
        PromptLengths = _promptLengths.Quantiles(),
        ChosenLengths = _chosenLengths.Quantiles(),
        RejectedLengths = _rejectedLengths.Quantiles(),
        PairLengths = _pairLengths.Quantiles(),
        PairLengthHistogram = _pairLengths.Histogram(),
    };

    protected override void Measure(TokenizedRow whole)
    {
        var pair = (TokenizedPair)whole;
        _promptLengths.Add(pair.PromptIds.Length);
        _chosenLengths.Add(pair.ChosenIds.Length);
        _rejectedLengths.Add(pair.RejectedIds.Length);
        _pairLengths.Add(pair.PromptIds.Length + Math.Max(pair.ChosenIds.Length, pair.RejectedIds.Length));
    }

    protected override void Count(EncodedRow encoded, TokenizedRow cutRow)
    {
        var (whole, cut) = ((TokenizedPair)encoded.Row, (TokenizedPair)cutRow);
        _promptTokens += cut.PromptIds.Length;
        _chosenTokens += cut.ChosenIds.Length;
        _rejectedTokens += cut.RejectedIds.Length;
        if (cut.PromptIds.Length < whole.PromptIds.Length) Truncate(ref _promptsTruncated, PromptTooLong, whole.Row);
        if (cut.ChosenIds.Length < whole.ChosenIds.Length) Truncate(ref _chosenTruncated, "Prompt and chosen completion are longer than max_length; the completion loses its end.", whole.Row);
        if (cut.RejectedIds.Length < whole.RejectedIds.Length) Truncate(ref _rejectedTruncated, "Prompt and rejected completion are longer than max_length; the completion loses its end.", whole.Row);
        if (cut.ChosenIds.Length > cut.RejectedIds.Length) _chosenLonger++;
        if (cut.ChosenIds.AsSpan().SequenceEqual(cut.RejectedIds)) _identical.Add("Both completions have the same tokens.", whole.Row);
    }
}
