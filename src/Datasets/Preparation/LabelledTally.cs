namespace TrainingService.Datasets.Preparation;

/// <summary>Collects the report on labelled completions.</summary>
internal sealed class LabelledTally(TokenSet? trainedPrompts) : DatasetTally(trainedPrompts)
{
    private readonly LengthCounts _promptLengths = new(), _completionLengths = new(), _rowLengths = new();
    private int _desirable, _promptsTruncated, _completionsTruncated;
    private long _promptTokens, _desirableTokens, _undesirableTokens;

    public override DatasetReport Finish() => new LabelledReport
    {
        Rows = Rows,
        Kept = Kept,
        Desirable = _desirable,
        Undesirable = Kept - _desirable,
        PromptTokens = _promptTokens,
        DesirableTokens = _desirableTokens,
        UndesirableTokens = _undesirableTokens,
        PromptsTruncated = _promptsTruncated,
        CompletionsTruncated = _completionsTruncated,
        Truncated = Truncated,
        Dropped = Dropped.ToList(),
        Errors = Errors.ToList(),
        PromptNotPrefix = PromptNotPrefix,
        Duplicates = Duplicates,
        PromptsInTraining = PromptsInTraining,
        PromptLengths = _promptLengths.Quantiles(),
        CompletionLengths = _completionLengths.Quantiles(),
        RowLengths = _rowLengths.Quantiles(),
        RowLengthHistogram = _rowLengths.Histogram(),
    };

    protected override void Measure(TokenizedRow whole)
    {
        var example = (TokenizedExample)whole;
        _promptLengths.Add(example.PromptIds.Length);
        _completionLengths.Add(example.CompletionIds.Length);
        _rowLengths.Add(example.PromptIds.Length + example.CompletionIds.Length);
    }

    protected override void Count(EncodedRow encoded, TokenizedRow cutRow)
    {
        var (whole, cut) = ((TokenizedExample)encoded.Row, (TokenizedExample)cutRow);
        _promptTokens += cut.PromptIds.Length;
        if (cut.Label)
        {
            _desirable++;
            _desirableTokens += cut.CompletionIds.Length;
        }
        else _undesirableTokens += cut.CompletionIds.Length;
        if (cut.PromptIds.Length < whole.PromptIds.Length) Truncate(ref _promptsTruncated, PromptTooLong, whole.Row);
        if (cut.CompletionIds.Length < whole.CompletionIds.Length) Truncate(ref _completionsTruncated, "Prompt and completion are longer than max_length; the completion loses its end.", whole.Row);
    }
}
