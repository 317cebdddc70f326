using TorchSharp;
using TrainingService.Training.Losses;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Losses;

/// <summary>Pairs from plain numbers.</summary>
internal static class Pairs
{
    /// <summary>Pairs whose reference is 0, so that the policy's log-probabilities are the log-ratios. Tokens: 2 chosen, 4 rejected a pair.</summary>
    public static PairLogProbs OfLogRatios(double[] chosen, double[] rejected, ScalarType type = ScalarType.Float64) => new()
    {
        PolicyChosen = Trained(chosen, type),
        PolicyRejected = Trained(rejected, type),
        ReferenceChosen = zeros(chosen.Length, type),
        ReferenceRejected = zeros(chosen.Length, type),
        ChosenTokens = full(chosen.Length, 2.0, type),
        RejectedTokens = full(chosen.Length, 4.0, type),
        SftChosen = Trained(chosen, type),
        BatchPairs = chosen.Length,
        BatchChosenTokens = 2 * chosen.Length,
    };

    /// <summary>Some of the pairs, of the same micro-batch.</summary>
    public static PairLogProbs Take(this PairLogProbs pairs, params long[] rows)
    {
        Tensor index = tensor(rows);
        return pairs with
        {
            PolicyChosen = pairs.PolicyChosen[index],
            PolicyRejected = pairs.PolicyRejected[index],
            ReferenceChosen = pairs.ReferenceChosen[index],
            ReferenceRejected = pairs.ReferenceRejected[index],
            ChosenTokens = pairs.ChosenTokens[index],
            RejectedTokens = pairs.RejectedTokens[index],
            SftChosen = pairs.SftChosen[index],
            Weights = pairs.Weights?[index],
        };
    }

    public static double[] Numbers(this Tensor values) => values.to(ScalarType.Float64).detach().data<double>().ToArray();

    public static Tensor Trained(double[] values, ScalarType type) => tensor(values, type).requires_grad_();
}
