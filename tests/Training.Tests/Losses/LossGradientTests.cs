using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Losses;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Losses;

/// <summary>The coefficient of every log-probability, against central differences in float64.</summary>
public sealed class LossGradientTests
{
    private const double Difference = 1e-5;
    private static readonly double[] s_chosen = [0.3, -1.2, 2.1];
    private static readonly double[] s_rejected = [-0.4, 0.9, 0.25];
    private static readonly double[] s_sft = [-3.1, -2.2, -4.5];

    public static TheoryData<LossType, FDivergenceType> Combinations
    {
        get
        {
            TheoryData<LossType, FDivergenceType> combinations = new();
            foreach (LossType loss in Enum.GetValues<LossType>())
                foreach (FDivergenceType divergence in Enum.GetValues<FDivergenceType>())
                    combinations.Add(loss, divergence);
            return combinations;
        }
    }

    [Theory, MemberData(nameof(Combinations))]
    public void Gradient_EqualsFiniteDifferences(LossType loss, FDivergenceType divergence) =>
        Check(new() { LossTypes = [loss], FDivergenceType = divergence, Beta = 0.4, LabelSmoothing = 0.2, DiscopopTau = 0.3, FAlphaDivergenceCoefficient = 0.7 });

    [Fact]
    public void GradientOfSeveralLosses_EqualsFiniteDifferences() =>
        Check(new() { LossTypes = [LossType.Sigmoid, LossType.ApoDown, LossType.Sft], LossWeights = [0.5, 2, 0.25], Beta = 0.4 });

    private static void Check(TrainingRecipe recipe)
    {
        using DisposeScope scope = NewDisposeScope();
        PairLogProbs pairs = With(s_chosen, s_rejected, s_sft);
        PreferenceLoss.PerPair(recipe, pairs).sum().backward();
        Compare(pairs.PolicyChosen, s_chosen, moved => With(moved, s_rejected, s_sft));
        Compare(pairs.PolicyRejected, s_rejected, moved => With(s_chosen, moved, s_sft));
        Compare(pairs.SftChosen, s_sft, moved => With(s_chosen, s_rejected, moved));

        void Compare(Tensor input, double[] at, Func<double[], PairLogProbs> pairsAt)
        {
            double[] gradient = input.grad?.Numbers() ?? new double[at.Length];
            for (int i = 0; i < at.Length; i++)
                Assert.Equal((LossAt(i, Difference) - LossAt(i, -Difference)) / (2 * Difference), gradient[i], 1e-8);

            double LossAt(int i, double by)
            {
                double[] moved = [.. at];
                moved[i] += by;
                return PreferenceLoss.PerPair(recipe, pairsAt(moved)).Numbers().Sum();
            }
        }
    }

    private static PairLogProbs With(double[] chosen, double[] rejected, double[] sft) => Pairs.OfLogRatios(chosen, rejected) with
    {
        SftChosen = Pairs.Trained(sft, ScalarType.Float64),
        ReferenceChosen = tensor([0.1, -0.3, 0.2]),
        ReferenceRejected = tensor([-0.2, 0.4, 0.7]),
        ChosenTokens = tensor([3.0, 5.0, 2.0]),
        RejectedTokens = tensor([4.0, 1.0, 6.0]),
        Weights = tensor([0.9, 0.4, 0.6]),
    };
}
