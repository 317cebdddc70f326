using TrainingService.Datasets.Preparation;

namespace TrainingService.Datasets.Tests.Preparation;

/// <summary>A prepared dataset of pairs, with its types.</summary>
internal static class PreparedPairs
{
    public static IReadOnlyList<TokenizedPair> Pairs(this PreparedDataset prepared) => [.. prepared.Rows.Cast<TokenizedPair>()];

    public static PairReport PairReport(this PreparedDataset prepared) => Assert.IsType<PairReport>(prepared.Report);
}
