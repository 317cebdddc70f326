using TorchSharp;
using TrainingService.Training.Losses;
using static System.Math;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Losses;

/// <summary>KTO and its anchored cousin: values by hand, and gradients against central differences in float64.</summary>
public sealed class UnpairedLossTests
{
    // With β = ½ a log-ratio 2·ln 3 beyond the reference point has the value σ(ln 3) = 3/4.
    [Theory]
    [InlineData(1, 0, 0.25)]
    [InlineData(-1, 0, 0.75)]
    [InlineData(1, 2.1972245773362196, 0.5)] // kl = 2·ln 3 takes the gain away
    [InlineData(-1, 2.1972245773362196, 0.5)]
    public void Kto_EqualsTheFormulaByHand(double sign, double kl, double expected) =>
        Assert.Equal(expected, KtoLoss.PerRow(tensor([2 * Log(3)]), tensor([sign]), 0.5, kl).item<double>(), 12);

    [Theory]
    [InlineData(1, 0.25)]
    [InlineData(-1, 0.75)]
    public void ApoZeroUnpaired_EqualsTheFormulaByHand(double sign, double expected) =>
        Assert.Equal(expected, ApoZeroUnpairedLoss.PerRow(tensor([2 * Log(3)]), tensor([sign]), 0.5).item<double>(), 12);

    [Fact]
    public void Gradients_EqualFiniteDifferences()
    {
        Tensor signs = tensor([1.0, -1.0, 1.0]);
        FiniteDifferences.Check([[0.7, -1.1, 2.3]], x => KtoLoss.PerRow(x[0], signs, 0.4, 0.6));
        FiniteDifferences.Check([[0.7, -1.1, 2.3]], x => ApoZeroUnpairedLoss.PerRow(x[0], signs, 0.4));
    }
}
