using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Losses;

/// <summary>Central differences in float64.</summary>
internal static class FiniteDifferences
{
    private const double Difference = 1e-5;

    /// <summary>Compares a loss's gradient by each element of each input.</summary>
    public static void Check(double[][] at, Func<Tensor[], Tensor> loss)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = [.. at.Select(values => Pairs.Trained(values, ScalarType.Float64))];
        loss(inputs).sum().backward();
        for (int i = 0; i < at.Length; i++)
            for (int k = 0; k < at[i].Length; k++)
                Assert.Equal((LossAt(i, k, Difference) - LossAt(i, k, -Difference)) / (2 * Difference), inputs[i].grad!.Numbers()[k], 1e-8);

        double LossAt(int i, int k, double by)
        {
            double[][] moved = [.. at.Select(values => values.ToArray())];
            moved[i][k] += by;
            return loss([.. moved.Select(values => tensor(values))]).Numbers().Sum();
        }
    }
}
