using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Losses;
using static System.Math;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Losses;

public sealed class FDivergenceTests
{
    // t = π/π_ref = 4 and 4/9, so √t = 2 and 2/3, and σ(ln t) = 4/5 and 4/13.
    public static TheoryData<FDivergenceType, double, double, double> ByHand => new()
    {
        { FDivergenceType.ReverseKl, 0.5, Log(4), Log(4 / 9.0) },
        { FDivergenceType.ForwardKl, 0.5, 1 - 1 / 4.0, 1 - 9 / 4.0 },
        { FDivergenceType.JsDivergence, 0.5, Log(8 / 5.0), Log(8 / 13.0) },
        { FDivergenceType.AlphaDivergence, 0.5, (1 / 2.0 - 1) / -0.5, (3 / 2.0 - 1) / -0.5 },
        { FDivergenceType.AlphaDivergence, 1, Log(4), Log(4 / 9.0) },
        { FDivergenceType.AlphaDivergence, 2, 4 - 1, 4 / 9.0 - 1 },
    };

    [Theory, MemberData(nameof(ByHand))]
    public void Scores_EqualTheFormulaByHand(FDivergenceType divergence, double alpha, double first, double second)
    {
        double[] scores = FDivergence.Scores(tensor([Log(4), Log(4 / 9.0)]), divergence, alpha).Numbers();
        Assert.Equal(first, scores[0], 12);
        Assert.Equal(second, scores[1], 12);
    }

    [Theory]
    [InlineData(FDivergenceType.ReverseKl, 1)]
    [InlineData(FDivergenceType.ForwardKl, 1)]
    [InlineData(FDivergenceType.JsDivergence, 0.5)]
    [InlineData(FDivergenceType.AlphaDivergence, 1)]
    public void PolicyEqualToItsReference_ScoresZero(FDivergenceType divergence, double slope)
    {
        using Tensor logRatio = Pairs.Trained([0], ScalarType.Float64);
        Tensor score = FDivergence.Scores(logRatio, divergence, alpha: 0.3);
        score.sum().backward();
        Assert.Equal(0, score.Numbers()[0], 15);
        // f″(1), which Jensen–Shannon's generator has half of.
        Assert.Equal(slope, logRatio.grad!.Numbers()[0], 12);
    }

    [Fact]
    public void AlphaDivergence_IsClampedBeforeFloat32Overflows()
    {
        double score = FDivergence.Scores(tensor([-1000f]), FDivergenceType.AlphaDivergence, 0.5).Numbers()[0];
        Assert.Equal(1, score / (-2 * Exp(80)), 5);
    }

    [Fact]
    public void Loss_TakesTheScoresForLogRatios()
    {
        // Forward KL: scores ¾ and −5/4, whose difference times β = ½ is 1.
        TrainingRecipe recipe = new() { Beta = 0.5, FDivergenceType = FDivergenceType.ForwardKl };
        Assert.Equal(Log(1 + 1 / E), PreferenceLoss.PerPair(recipe, Pairs.OfLogRatios([Log(4)], [Log(4 / 9.0)])).Numbers()[0], 12);
    }
}
