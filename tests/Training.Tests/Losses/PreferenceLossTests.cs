using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Losses;
using static System.Math;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Losses;

public sealed class PreferenceLossTests
{
    // β = ½ makes the rewards ln 2 and −ln 1.5 and their margin ln 3, so every sigmoid below is a fraction:
    // σ(ln 2) = 2/3, σ(−ln 1.5) = 2/5, σ(ln 3) = 3/4.
    private static readonly double s_chosen = 2 * Log(2);
    private static readonly double s_rejected = -2 * Log(1.5);
    private static readonly TrainingRecipe s_recipe = new() { Beta = 0.5, LabelSmoothing = 0.1, DiscopopTau = 1 };

    private static double PerTokenMargin => s_chosen / 2 - s_rejected / 4;

    public static TheoryData<LossType, double> ByHand => new()
    {
        { LossType.Sigmoid, -0.9 * Log(3 / 4.0) - 0.1 * Log(1 / 4.0) },
        { LossType.Hinge, 0 },
        { LossType.Ipo, Pow(PerTokenMargin - 1, 2) },
        { LossType.ExoPair, 3 / 4.0 * (Log(3 / 4.0) - Log(0.9)) + 1 / 4.0 * (Log(1 / 4.0) - Log(0.1)) },
        { LossType.NcaPair, -Log(2 / 3.0) - 0.5 * Log(1 / 3.0) - 0.5 * Log(3 / 5.0) },
        { LossType.Robust, (-0.9 * Log(3 / 4.0) + 0.1 * Log(1 / 4.0)) / 0.8 },
        { LossType.BcoPair, -Log(2 / 3.0) - Log(3 / 5.0) },
        { LossType.SppoHard, Pow(2 * Log(2) - 1, 2) + Pow(-2 * Log(1.5) + 1, 2) },
        { LossType.Aot, -0.9 * Log(3 / 4.0) - 0.1 * Log(1 / 4.0) },
        { LossType.AotUnpaired, -0.9 * Log(3 / 4.0) - 0.1 * Log(1 / 4.0) },
        { LossType.ApoZero, 1 - 2 / 3.0 + 2 / 5.0 },
        { LossType.ApoDown, 2 / 3.0 + 1 - 3 / 4.0 },
        { LossType.Discopop, -Log(3 / 4.0) / 4 + 1 / 3.0 * 3 / 4 },
        { LossType.Sft, -Log(2) },
        { LossType.SigmoidNorm, Log(1 + Exp(-PerTokenMargin / 2)) },
    };

    [Fact]
    public void EveryLoss_HasAHandDerivedValue() =>
        Assert.Equal(Enum.GetValues<LossType>().Order(), ByHand.Select(row => row.Data.Item1).Order());

    [Theory, MemberData(nameof(ByHand))]
    public void OnePair_EqualsTheFormulaByHand(LossType loss, double expected) =>
        Assert.Equal(expected, Values(s_recipe with { LossTypes = [loss] }, Pairs.OfLogRatios([s_chosen], [s_rejected]))[0], 12);

    [Fact]
    public void Hinge_RisesWithAWrongMargin() =>
        Assert.Equal(1 + Log(3), Values(s_recipe with { LossTypes = [LossType.Hinge] }, Pairs.OfLogRatios([s_rejected], [s_chosen]))[0], 12);

    [Theory, InlineData(LossType.Sigmoid), InlineData(LossType.Robust), InlineData(LossType.Aot), InlineData(LossType.AotUnpaired)]
    public void SmoothedLosses_WithoutSmoothing_AreTheLogisticLoss(LossType loss) =>
        Assert.Equal(-Log(3 / 4.0), Values(s_recipe with { LossTypes = [loss], LabelSmoothing = 0 }, Pairs.OfLogRatios([s_chosen], [s_rejected]))[0], 12);

    [Fact]
    public void Reference_IsSubtracted()
    {
        PairLogProbs shifted = Pairs.OfLogRatios([s_chosen - 40], [s_rejected - 60]) with { ReferenceChosen = tensor([-40.0]), ReferenceRejected = tensor([-60.0]) };
        foreach (LossType loss in Enum.GetValues<LossType>().Except([LossType.Sft]))
        {
            TrainingRecipe recipe = s_recipe with { LossTypes = [loss] };
            Assert.Equal(Values(recipe, Pairs.OfLogRatios([s_chosen], [s_rejected]))[0], Values(recipe, shifted)[0], 12);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void LossesOfSmallBatches_AreTheFormulaOverPlainNumbers(int size)
    {
        var random = new Random(size);
        for (int round = 0; round < 50; round++)
        {
            double[] Draw() => [.. Enumerable.Range(0, size).Select(_ => 6 * random.NextDouble() - 3)];
            (double[] chosen, double[] rejected, double[] referenceChosen, double[] referenceRejected) = (Draw(), Draw(), Draw(), Draw());
            PairLogProbs pairs = Pairs.OfLogRatios(chosen, rejected) with { ReferenceChosen = tensor(referenceChosen), ReferenceRejected = tensor(referenceRejected) };
            double[] ratiosChosen = [.. chosen.Zip(referenceChosen, (a, b) => a - b)], ratiosRejected = [.. rejected.Zip(referenceRejected, (a, b) => a - b)];
            TrainingRecipe recipe = s_recipe with { LabelSmoothing = 0 };

            Assert.Equal(ratiosChosen.Zip(ratiosRejected, (w, l) => Pow(w / 2 - l / 4 - 1, 2)), Values(recipe with { LossTypes = [LossType.Ipo] }, pairs), Near(10));
            Assert.Equal(Logistic(chosen.Zip(rejected, (w, l) => w - l), referenceChosen.Zip(referenceRejected, (w, l) => w - l)), Values(recipe with { LossTypes = [LossType.Aot] }, pairs), Near(10));
            Assert.Equal(Logistic(ratiosChosen, ratiosRejected), Values(recipe with { LossTypes = [LossType.AotUnpaired] }, pairs), Near(10));
        }

        static IEnumerable<double> Logistic(IEnumerable<double> upper, IEnumerable<double> lower) => upper.Order().Zip(lower.Order(), (u, l) => Log(1 + Exp(-0.5 * (u - l))));
    }

    [Fact]
    public void Aot_ComparesQuantilesOfThePolicyWithThoseOfTheReference()
    {
        // Policy differences (2, −1) and reference differences (0, 1): quantiles differ by (−1 − 0, 2 − 1).
        PairLogProbs pairs = Pairs.OfLogRatios([3, 4], [1, 5]) with { ReferenceChosen = tensor([1.0, 2.0]), ReferenceRejected = tensor([1.0, 1.0]) };
        Assert.Equal([Log(1 + E), Log(1 + 1 / E)], Values(new() { LossTypes = [LossType.Aot], Beta = 1 }, pairs), Near(12));
    }

    [Fact]
    public void AotUnpaired_ComparesQuantilesOfChosenAndRejected() =>
        // Sorted (−1, 1) against (−3, 0).
        Assert.Equal([Log(1 + Exp(-2)), Log(1 + Exp(-1))], Values(new() { LossTypes = [LossType.AotUnpaired], Beta = 1 }, Pairs.OfLogRatios([1, -1], [-3, 0])), Near(12));

    [Fact]
    public void Sft_OverAMicroBatch_IsTheMeanOverItsTokens()
    {
        PairLogProbs pairs = Pairs.OfLogRatios([-6, -20], [0, 0]) with { ChosenTokens = tensor([3.0, 7.0]), BatchChosenTokens = 10 };
        Assert.Equal(2.6, Values(new() { LossTypes = [LossType.Sft] }, pairs).Sum() / pairs.BatchPairs, 12);
    }

    [Fact]
    public void SeveralLosses_AreSummedWithTheirWeights()
    {
        double[] values = Values(s_recipe with { LossTypes = [LossType.Sigmoid, LossType.BcoPair, LossType.Sft], LossWeights = [0.8, 0.2, 2], LabelSmoothing = 0 },
            Pairs.OfLogRatios([s_chosen], [s_rejected]));
        Assert.Equal(-0.8 * Log(3 / 4.0) - 0.2 * (Log(2 / 3.0) + Log(3 / 5.0)) - 2 * Log(2), values[0], 12);
    }

    [Fact]
    public void WpoWeights_MultiplyThePairs()
    {
        PairLogProbs pairs = Pairs.OfLogRatios([s_chosen, s_chosen], [s_rejected, s_rejected]) with { Weights = tensor([0.5, 0.01]) };
        Assert.Equal([-0.5 * Log(3 / 4.0), -0.01 * Log(3 / 4.0)], Values(s_recipe with { LabelSmoothing = 0 }, pairs), Near(12));
    }

    [Theory, MemberData(nameof(ByHand))]
    public void ReorderedPairs_KeepTheirLosses(LossType loss, double _)
    {
        TrainingRecipe recipe = s_recipe with { LossTypes = [loss] };
        PairLogProbs pairs = SomePairs();
        double[] values = Values(recipe, pairs);
        double[] reordered = Values(recipe, pairs.Take(2, 0, 1));
        // Sorting losses belong to quantiles: the same set of values in the same places.
        Assert.Equal(PreferenceLoss.NeedsWholeBatch(recipe) ? values : [values[2], values[0], values[1]], reordered, Near(13));
    }

    [Theory, MemberData(nameof(ByHand))]
    public void SplitMicroBatch_SumsToTheWhole_UnlessTheLossSorts(LossType loss, double _)
    {
        TrainingRecipe recipe = s_recipe with { LossTypes = [loss] };
        PairLogProbs pairs = SomePairs() with { Weights = tensor([0.5, 0.7, 0.2]) };
        double parts = Values(recipe, pairs.Take(0)).Sum() + Values(recipe, pairs.Take(1, 2)).Sum();
        Assert.Equal(PreferenceLoss.NeedsWholeBatch(recipe), Abs(Values(recipe, pairs).Sum() - parts) > 1e-12);
    }

    [Theory]
    [InlineData(false, LossType.Sft)]
    [InlineData(false, LossType.Sigmoid)]
    [InlineData(true, LossType.Sft, LossType.Aot)]
    [InlineData(true, LossType.AotUnpaired)]
    public void SortingLosses_NeedTheWholeBatch(bool needsWholeBatch, params LossType[] losses) =>
        Assert.Equal(needsWholeBatch, PreferenceLoss.NeedsWholeBatch(new() { LossTypes = losses }));

    [Fact]
    public void PerPair_LeavesOneTensorInTheCallersScope()
    {
        PairLogProbs pairs = SomePairs();
        using DisposeScope scope = NewDisposeScope();
        PreferenceLoss.PerPair(s_recipe with { LossTypes = Enum.GetValues<LossType>() }, pairs);
        Assert.Equal(1, scope.DisposablesCount);
    }

    [Fact]
    public void Float32_StaysFiniteAtExtremeLogRatios()
    {
        foreach (LossType loss in Enum.GetValues<LossType>().Except([LossType.Discopop]))
        {
            PairLogProbs pairs = Pairs.OfLogRatios([-3000, 3000], [3000, -3000], ScalarType.Float32);
            using Tensor values = PreferenceLoss.PerPair(new() { LossTypes = [loss], LabelSmoothing = 0.1 }, pairs);
            values.sum().backward();
            Assert.All(values.Numbers(), value => Assert.True(double.IsFinite(value), $"{loss} is {value}."));
            Tensor? gradient = loss == LossType.Sft ? pairs.SftChosen.grad : pairs.PolicyChosen.grad;
            Assert.All(gradient!.Numbers(), value => Assert.True(double.IsFinite(value), $"The gradient of {loss} is {value}."));
        }
    }

    private static PairLogProbs SomePairs() => Pairs.OfLogRatios([0.3, -1.2, 2.1], [-0.4, 0.9, 0.2]) with
    {
        ReferenceChosen = tensor([0.1, -0.3, 0.2]),
        ReferenceRejected = tensor([-0.2, 0.4, 0.7]),
        ChosenTokens = tensor([3.0, 5.0, 2.0]),
        RejectedTokens = tensor([4.0, 1.0, 6.0]),
        BatchChosenTokens = 10,
    };

    private static double[] Values(TrainingRecipe recipe, PairLogProbs pairs)
    {
        using Tensor values = PreferenceLoss.PerPair(recipe, pairs);
        return values.Numbers();
    }

    private static Func<double, double, bool> Near(int digits) => (a, b) => Abs(a - b) < Pow(10, -digits);
}
