using TrainingService.Datasets.Preparation;

namespace TrainingService.Datasets.Tests.Preparation;

public sealed class LengthCountsTests
{
    [Fact]
    public void Quantiles_AreThoseOfTheSortedRows()
    {
        var random = new Random(7);
        int[] lengths = [.. Enumerable.Range(0, 997).Select(_ => random.Next(1, 300))];
        int[] sorted = [.. lengths.Order()];
        int Rank(double share) => sorted[(int)Math.Ceiling(share * sorted.Length) - 1];
        Assert.Equal(new LengthQuantiles(sorted[0], Rank(0.5), Rank(0.9), Rank(0.99), sorted[^1]), Count(lengths).Quantiles());
    }

    [Fact]
    public void Histogram_HasEveryRowInOneBucketAndNoGaps()
    {
        IReadOnlyList<LengthBucket> buckets = Count([3, 16, 17, 32, 33, 300]).Histogram();
        Assert.Equal([new(0, 16, 2), new(17, 32, 2), new(33, 64, 1), new(65, 128, 0), new(129, 256, 0), new(257, 512, 1)], buckets);
    }

    [Fact]
    public void NoRows_HaveNoLengths()
    {
        Assert.Equal(new LengthQuantiles(0, 0, 0, 0, 0), Count([]).Quantiles());
        Assert.Empty(Count([]).Histogram());
    }

    private static LengthCounts Count(int[] lengths)
    {
        var counts = new LengthCounts();
        foreach (int length in lengths) counts.Add(length);
        return counts;
    }
}
