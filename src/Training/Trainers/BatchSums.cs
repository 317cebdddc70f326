using TorchSharp;
using TrainingService.Domain.Metrics;
using static TorchSharp.torch;

namespace TrainingService.Training.Trainers;

/// <summary>Sums of a micro-batch's metrics over its packs.</summary>
/// <param name="pairs">Pairs of the micro-batch.</param>
/// <param name="chosenTokens">Tokens of its chosen completions.</param>
/// <param name="beta">Turns log-ratios into rewards.</param>
internal sealed class BatchSums(int pairs, int chosenTokens, double beta)
{
    private double _loss, _rewardsChosen, _rewardsRejected, _correct, _logpsChosen, _logpsRejected, _entropy, _logitsChosen, _logitsRejected, _firstChoices;
    private long _predictedChosen, _predictedRejected;

    /// <summary>Pairs of the micro-batch.</summary>
    public int Pairs => pairs;

    /// <summary>Tokens of its chosen completions.</summary>
    public int ChosenTokens => chosenTokens;

    /// <summary>Input tokens, the prompt counted once for chosen and once for rejected.</summary>
    public long Tokens { get; private set; }

    /// <summary>Adds a pack's.</summary>
    public void Add(PackScores pack, long inputTokens)
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        Tensor ratio = pack.Policy.detach() - pack.Reference;
        Tensor isChosen = pack.Packed.Owners.remainder(2).eq(0).to_type(ScalarType.Float32), isRejected = 1 - isChosen;
        // One read instead of ten: each would wait for the device.
        double[] values = [.. stack([
            pack.Loss.detach(),
            PackScores.Chosen(ratio).sum(),
            PackScores.Rejected(ratio).sum(),
            PackScores.Chosen(ratio).gt(PackScores.Rejected(ratio)).to_type(ScalarType.Float32).sum(),
            PackScores.Chosen(pack.Policy.detach()).sum(),
            PackScores.Rejected(pack.Policy.detach()).sum(),
            pack.Tokens.Entropy!.sum(),
            (pack.Tokens.MeanLogit! * isChosen).sum(),
            (pack.Tokens.MeanLogit! * isRejected).sum(),
            (pack.Tokens.IsFirstChoice! * isChosen).sum(),
        ]).to_type(ScalarType.Float64).cpu().data<double>()];
        _loss += values[0];
        _rewardsChosen += values[1];
        _rewardsRejected += values[2];
        _correct += values[3];
        _logpsChosen += values[4];
        _logpsRejected += values[5];
        _entropy += values[6];
        _logitsChosen += values[7];
        _logitsRejected += values[8];
        _firstChoices += values[9];
        for (int i = 0; i < pack.Packed.CompletionLengths.Count; i += 2)
        {
            _predictedChosen += pack.Packed.CompletionLengths[i];
            _predictedRejected += pack.Packed.CompletionLengths[i + 1];
        }
        Tokens += inputTokens;
    }

    /// <summary>The micro-batch's metrics.</summary>
    /// <exception cref="NonFiniteMetricException">One is not finite.</exception>
    public Dictionary<string, double> Means(int step)
    {
        var means = new Dictionary<string, double>
        {
            [MetricNames.Loss] = _loss,
            [MetricNames.Entropy] = _entropy / (_predictedChosen + _predictedRejected),
            [MetricNames.LogitsChosen] = _logitsChosen / _predictedChosen,
            [MetricNames.LogitsRejected] = _logitsRejected / _predictedRejected,
            [MetricNames.MeanTokenAccuracy] = _firstChoices / _predictedChosen,
            [MetricNames.RewardsChosen] = beta * _rewardsChosen / pairs,
            [MetricNames.RewardsRejected] = beta * _rewardsRejected / pairs,
            [MetricNames.RewardsAccuracies] = _correct / pairs,
            [MetricNames.RewardsMargins] = beta * (_rewardsChosen - _rewardsRejected) / pairs,
            [MetricNames.LogpsChosen] = _logpsChosen / pairs,
            [MetricNames.LogpsRejected] = _logpsRejected / pairs,
        };
        foreach ((string name, double value) in means)
            if (!double.IsFinite(value)) throw new NonFiniteMetricException(step, name, value);
        return means;
    }
}
