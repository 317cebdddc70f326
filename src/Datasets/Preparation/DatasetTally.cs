namespace TrainingService.Datasets.Preparation;

/// <summary>Collects the <see cref="DatasetReport"/> while rows pass by.</summary>
/// <param name="trainedPrompts">The training file's prompts while a validation file passes by; else null.</param>
internal sealed class DatasetTally(TokenSet? trainedPrompts)
{
    private const string NotPrefix = "The prompt's tokens are not how the tokens of prompt and completion begin; the completion starts where they diverge.";
    private const string Identical = "Both completions have the same tokens.";
    private const string Duplicate = "An earlier row has the same prompt and the same completions.";
    private const string InTraining = "The training file has the same prompt.";

    private readonly RowGroups _truncated = new(), _dropped = new(), _errors = new(), _notPrefix = new(), _identical = new(), _duplicates = new(), _inTraining = new();
    private readonly LengthCounts _promptLengths = new(), _chosenLengths = new(), _rejectedLengths = new(), _pairLengths = new();
    private readonly TokenSet _pairsSeen = new();
    private int _rows, _pairs, _promptsTruncated, _chosenTruncated, _rejectedTruncated, _chosenLonger;
    private long _promptTokens, _chosenTokens, _rejectedTokens;

    /// <summary>The prompts of the pairs kept so far.</summary>
    public TokenSet Prompts { get; } = new();

    public void Error(long row, string reason)
    {
        _rows++;
        _errors.Add(reason, row);
    }

    public void Drop(TokenizedPair whole, string reason)
    {
        Measure(whole);
        _dropped.Add(reason, whole.Row);
    }

    public void Keep(TokenizedPair whole, TokenizedPair cut, bool promptIsPrefix)
    {
        Measure(whole);
        _pairs++;
        _promptTokens += cut.PromptIds.Length;
        _chosenTokens += cut.ChosenIds.Length;
        _rejectedTokens += cut.RejectedIds.Length;
        if (cut.PromptIds.Length < whole.PromptIds.Length) Truncate(ref _promptsTruncated, "The prompt is longer than max_prompt_length and loses its start.", whole.Row);
        if (cut.ChosenIds.Length < whole.ChosenIds.Length) Truncate(ref _chosenTruncated, "Prompt and chosen completion are longer than max_length; the completion loses its end.", whole.Row);
        if (cut.RejectedIds.Length < whole.RejectedIds.Length) Truncate(ref _rejectedTruncated, "Prompt and rejected completion are longer than max_length; the completion loses its end.", whole.Row);
        if (cut.ChosenIds.Length > cut.RejectedIds.Length) _chosenLonger++;
        if (!promptIsPrefix) _notPrefix.Add(NotPrefix, whole.Row);
        if (cut.ChosenIds.AsSpan().SequenceEqual(cut.RejectedIds)) _identical.Add(Identical, whole.Row);
        if (!_pairsSeen.Add(whole.PromptIds, whole.ChosenIds, whole.RejectedIds)) _duplicates.Add(Duplicate, whole.Row);
        if (trainedPrompts?.Contains(whole.PromptIds) == true) _inTraining.Add(InTraining, whole.Row);
        Prompts.Add(whole.PromptIds);
    }

    public DatasetReport Finish() => new()
    {
        Rows = _rows,
        Pairs = _pairs,
        PromptTokens = _promptTokens,
        ChosenTokens = _chosenTokens,
        RejectedTokens = _rejectedTokens,
        PromptsTruncated = _promptsTruncated,
        ChosenTruncated = _chosenTruncated,
        RejectedTruncated = _rejectedTruncated,
        Truncated = _truncated.ToList(),
        Dropped = _dropped.ToList(),
        Errors = _errors.ToList(),
        PromptNotPrefix = _notPrefix.ToList().SingleOrDefault(),
        IdenticalCompletions = _identical.ToList().SingleOrDefault(),
        Duplicates = _duplicates.ToList().SingleOrDefault(),
        PromptsInTraining = _inTraining.ToList().SingleOrDefault(),
        ChosenLongerShare = _pairs == 0 ? 0 : (double)_chosenLonger / _pairs,
        PromptLengths = _promptLengths.Quantiles(),
        ChosenLengths = _chosenLengths.Quantiles(),
        RejectedLengths = _rejectedLengths.Quantiles(),
        PairLengths = _pairLengths.Quantiles(),
        PairLengthHistogram = _pairLengths.Histogram(),
    };

    private void Truncate(ref int count, string reason, long row)
    {
        count++;
        _truncated.Add(reason, row);
    }

    private void Measure(TokenizedPair whole)
    {
        _rows++;
        _promptLengths.Add(whole.PromptIds.Length);
        _chosenLengths.Add(whole.ChosenIds.Length);
        _rejectedLengths.Add(whole.RejectedIds.Length);
        _pairLengths.Add(whole.PromptIds.Length + Math.Max(whole.ChosenIds.Length, whole.RejectedIds.Length));
    }

    private sealed class RowGroups
    {
        private const int ToldRows = 20;
        // Reasons may carry a template's own words, which may carry the row's: their number is bounded.
        private const int MaxReasons = 20;
        private const string OtherReasons = "Other reasons.";

        private readonly OrderedDictionary<string, (int Count, List<long> First)> _groups = [];

        public void Add(string reason, long row)
        {
            if (!_groups.ContainsKey(reason) && _groups.Count >= MaxReasons) reason = OtherReasons;
            (int count, List<long> first) = _groups.TryGetValue(reason, out (int, List<long>) group) ? group : (0, []);
            if (first.Count < ToldRows) first.Add(row);
            _groups[reason] = (count + 1, first);
        }

        public IReadOnlyList<RowGroup> ToList() => [.. _groups.Select(g => new RowGroup(g.Key, g.Value.Count, g.Value.First))];
    }
}
