namespace TrainingService.Datasets.Preparation;

/// <summary>How many rows have each length: quantiles and histogram stay exact in memory that does not grow with the rows.</summary>
internal sealed class LengthCounts
{
    private const int FirstUpper = 16;

    private readonly SortedDictionary<int, int> _rowsOfLength = [];
    private int _rows;

    public void Add(int length)
    {
        _rowsOfLength[length] = _rowsOfLength.GetValueOrDefault(length) + 1;
        _rows++;
    }

    public LengthQuantiles Quantiles() => _rows == 0
        ? new(0, 0, 0, 0, 0)
        : new(At(0), At(0.5), At(0.9), At(0.99), At(1));

    /// <summary>Buckets whose upper ends double, from the shortest row's to the longest's.</summary>
    public IReadOnlyList<LengthBucket> Histogram()
    {
        var buckets = new List<LengthBucket>();
        foreach (IGrouping<int, KeyValuePair<int, int>> bucket in _rowsOfLength.GroupBy(l => UpperOf(l.Key)))
        {
            // Empty buckets between others are part of the picture.
            while (buckets is [.., var last] && last.To * 2 < bucket.Key) buckets.Add(new(last.To + 1, last.To * 2, 0));
            buckets.Add(new(bucket.Key == FirstUpper ? 0 : bucket.Key / 2 + 1, bucket.Key, bucket.Sum(l => l.Value)));
        }
        return buckets;
    }

    private int At(double share)
    {
        int rank = Math.Max(1, (int)Math.Ceiling(share * _rows)), seen = 0;
        foreach ((int length, int rows) in _rowsOfLength)
            if ((seen += rows) >= rank) return length;
        throw new InvalidOperationException("A share of the rows is at most all of them.");
    }

    private static int UpperOf(int length)
    {
        int upper = FirstUpper;
        while (upper < length) upper *= 2;
        return upper;
    }
}
