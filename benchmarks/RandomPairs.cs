using TrainingService.Datasets.Preparation;

namespace TrainingService.Benchmarks;

/// <summary>Pairs of random tokens: speed does not depend on what they say.</summary>
internal static class RandomPairs
{
    public static IReadOnlyList<TokenizedPair> Of(IReadOnlyList<PairShape> shapes, int vocabulary)
    {
        var random = new Random(1);
        return [.. shapes.Select((shape, i) => new TokenizedPair(i + 1, Tokens(shape.Prompt), Tokens(shape.Chosen), Tokens(shape.Rejected)))];

        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(10, vocabulary))];
    }
}
