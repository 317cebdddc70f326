namespace TrainingService.Datasets.Preparation;

/// <summary>Collects the <see cref="DatasetReport"/> while rows pass by.</summary>
internal sealed class DatasetTally
{
    private const string NotPrefix = "The prompt's tokens are not how the tokens of prompt and completion begin; the completion starts where they diverge.";
    private const string Identical = "Both completions have the same tokens.";

    private readonly RowGroups _dropped = new(), _errors = new(), _notPrefix = new(), _identical = new();
    private readonly List<int> _promptLengths = [], _chosenLengths = [], _rejectedLengths = [], _pairLengths = [];
    private int _rows, _pairs, _promptsTruncated, _chosenTruncated, _rejectedTruncated, _chosenLonger;
    private long _promptTokens, _chosenTokens, _rejectedTokens;

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
        if (cut.PromptIds.Length < whole.PromptIds.Length) _promptsTruncated++;
        if (cut.ChosenIds.Length < whole.ChosenIds.Length) _chosenTruncated++;
        if (cut.RejectedIds.Length < whole.RejectedIds.Length) _rejectedTruncated++;
        if (cut.ChosenIds.Length > cut.RejectedIds.Length) _chosenLonger++;
        if (!promptIsPrefix) _notPrefix.Add(NotPrefix, whole.Row);
        if (cut.ChosenIds.AsSpan().SequenceEqual(cut.RejectedIds)) _identical.Add(Identical, whole.Row);
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
        Dropped = _dropped.ToList(),
        Errors = _errors.ToList(),
        PromptNotPrefix = _notPrefix.ToList().SingleOrDefault(),
        IdenticalCompletions = _identical.ToList().SingleOrDefault(),
        ChosenLongerShare = _pairs == 0 ? 0 : (double)_chosenLonger / _pairs,
        PromptLengths = LengthQuantiles.Of(_promptLengths),
        ChosenLengths = LengthQuantiles.Of(_chosenLengths),
        RejectedLengths = LengthQuantiles.Of(_rejectedLengths),
        PairLengths = LengthQuantiles.Of(_pairLengths),
    };

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
