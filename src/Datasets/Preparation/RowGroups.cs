namespace TrainingService.Datasets.Preparation;

/// <summary>Counts rows by reason and remembers the first of each.</summary>
internal sealed class RowGroups
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

    public int Rows => _groups.Sum(g => g.Value.Count);

    public IReadOnlyList<RowGroup> ToList() => [.. _groups.Select(g => new RowGroup(g.Key, g.Value.Count, g.Value.First))];

    public RowGroup? Only() => ToList().SingleOrDefault();
}
