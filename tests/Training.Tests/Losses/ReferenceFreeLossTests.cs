using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Losses;
using static System.Math;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Losses;

/// <summary>ORPO, CPO and SimPO: values by hand, and gradients against central differences in float64.</summary>
public sealed class ReferenceFreeLossTests
{
    private static readonly TrainingRecipe s_cpo = new() { Method = TrainingMethod.Cpo, Beta = 0.5 };

    // Probabilities of 3/4 and 1/2 a token have odds of 3 and 1: the ratio is 3, whose sigmoid of the logarithm is 3/4.
    [Fact]
    public void LogOdds_AreThoseOfTheGeometricMeans()
    {
        Tensor logOdds = OddsRatioLoss.LogOdds(tensor([Log(0.75)]), tensor([Log(0.5)]));
        Assert.Equal(Log(3), logOdds.item<double>(), 12);
        Assert.Equal(-0.1 * Log(0.75), OddsRatioLoss.PerPair(logOdds, 0.1).item<double>(), 12);
    }

    [Theory]
    [InlineData(-1e-7)]
    [InlineData(-1e-3)]
    [InlineData(-0.6931471)]
    [InlineData(-0.6931472)]
    [InlineData(-3)]
    [InlineData(-80)]
    public void LogOdds_LoseNoDigitsNearCertaintyAndNearImpossibility(double logProb) =>
        Assert.Equal(logProb - Log(-Expm1(logProb)), OddsRatioLoss.LogOdds(tensor([logProb]), tensor([-Log(2)])).item<double>(), 1e-9 * Max(1, Abs(logProb)));

    [Fact]
    public void LogOddsOfACertainty_AreFiniteWithAFiniteGradient()
    {
        Tensor certain = tensor([0f]).requires_grad_(), rejected = tensor([-1f]).requires_grad_();
        OddsRatioLoss.PerPair(OddsRatioLoss.LogOdds(certain, rejected), 0.1).sum().backward();
        Assert.True(float.IsFinite(certain.grad!.item<float>()) && float.IsFinite(rejected.grad!.item<float>()));
    }

    // With β = ½ a difference of 2·ln 3 is a margin of ln 3, whose sigmoid is 3/4.
    [Theory]
    [InlineData(CpoLossType.Sigmoid, 0, 0, 0.28768207245178085)] // −ln ¾
    [InlineData(CpoLossType.Sigmoid, 0.1, 0, 0.3975433013185919)] // −0.9·ln ¾ − 0.1·ln ¼
    [InlineData(CpoLossType.Hinge, 0, 0, 0)]
    [InlineData(CpoLossType.Ipo, 0, 0, 1.4333466885778896)] // (2·ln 3 − 1)²
    [InlineData(CpoLossType.Simpo, 0, 1.0986122886681098, 0.6931471805599453)] // γ = ln 3 takes the margin away: ln 2
    public void ContrastiveLoss_EqualsTheFormulaByHand(CpoLossType loss, double smoothing, double gamma, double expected) =>
        Assert.Equal(expected, ContrastiveLoss.PerPair(s_cpo with { CpoLossType = loss, LabelSmoothing = smoothing, SimpoGamma = gamma },
            tensor([-1.0]), tensor([-1 - 2 * Log(3)])).item<double>(), 9);

    public static TheoryData<CpoLossType> CpoLosses => [.. Enum.GetValues<CpoLossType>()];

    [Theory]
    [MemberData(nameof(CpoLosses))]
    public void ContrastiveGradient_EqualsFiniteDifferences(CpoLossType loss) =>
        FiniteDifferences.Check([[-1.2, -3.4, -0.3], [-2.1, -1.7, -4.4]], x => ContrastiveLoss.PerPair(s_cpo with { CpoLossType = loss, LabelSmoothing = 0.2 }, x[0], x[1]));

    [Fact]
    public void OddsRatioGradient_EqualsFiniteDifferences() =>
        FiniteDifferences.Check([[-1.2, -0.4, -0.03], [-2.1, -0.7, -4.4]], x => OddsRatioLoss.PerPair(OddsRatioLoss.LogOdds(x[0], x[1]), 0.3));

    private static double Expm1(double x) => Abs(x) < 1e-5 ? x + (x * x / 2) : Exp(x) - 1;
}
