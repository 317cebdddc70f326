using TorchSharp;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using static TorchSharp.torch;

namespace TrainingService.Training.Objectives;

/// <summary>Sums of a micro-batch's metrics over its packs.</summary>
/// <param name="recipe">The recipe.</param>
/// <param name="pairs">Pairs of the micro-batch.</param>
/// <param name="imitatedTokens">Tokens that its cross-entropy is a mean over.</param>
internal sealed class PairSums(TrainingRecipe recipe, int pairs, int imitatedTokens)
{
    private double _loss, _rewardsChosen, _rewardsRejected, _correct, _logpsChosen, _logpsRejected, _entropy, _logitsChosen, _logitsRejected, _firstChoices;
    private double _crossEntropy, _logOdds, _logOddsRatio;
    private long _predictedChosen, _predictedRejected;

    /// <summary>Pairs of the micro-batch.</summary>
    public int Pairs => pairs;

    /// <summary>Tokens that its cross-entropy is a mean over.</summary>
    public int ImitatedTokens => imitatedTokens;

    /// <summary>Input tokens, the prompt counted once for chosen and once for rejected.</summary>
    public long Tokens { get; private set; }

    /// <summary>Adds a pack's.</summary>
    public void Add(PairPackScores pack, long inputTokens)
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        Tensor policy = pack.Policy.detach(), ratio = policy - pack.Reference;
        long targets = pack.Packed.CompletionTargets;
        Tensor isRejected = pack.Packed.Owners.narrow(0, 0, targets).remainder(2).to_type(ScalarType.Float32), isChosen = 1 - isRejected;
        Tensor meanLogit = pack.Tokens.MeanLogit!.narrow(0, 0, targets);
        // One read instead of a dozen: each would wait for the device.
        List<Tensor> read =
        [
            pack.Loss.detach(),
            PairPackScores.Chosen(ratio).sum(),
            PairPackScores.Rejected(ratio).sum(),
            PairPackScores.Chosen(ratio).gt(PairPackScores.Rejected(ratio)).to_type(ScalarType.Float32).sum(),
            PairPackScores.Chosen(policy).sum(),
            PairPackScores.Rejected(policy).sum(),
            pack.Tokens.Entropy!.narrow(0, 0, targets).sum(),
            (meanLogit * isChosen).sum(),
            (meanLogit * isRejected).sum(),
            (pack.Tokens.IsFirstChoice!.narrow(0, 0, targets) * isChosen).sum(),
            pack.CrossEntropies.detach().sum(),
        ];
        if (recipe.Method == TrainingMethod.Orpo) read.AddRange([pack.LogOdds.sum(), nn.functional.logsigmoid(pack.LogOdds).sum()]);
        double[] values = [.. stack(read).to_type(ScalarType.Float64).cpu().data<double>()];
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
        _crossEntropy += values[10];
        if (values is [.., var logOdds, var logOddsRatio] && recipe.Method == TrainingMethod.Orpo) (_logOdds, _logOddsRatio) = (_logOdds + logOdds, _logOddsRatio + logOddsRatio);
        for (int i = 0; i < 2 * pack.Packed.Spans.Count; i += 2)
        {
            _predictedChosen += pack.Packed.TargetCounts[i];
            _predictedRejected += pack.Packed.TargetCounts[i + 1];
        }
        Tokens += inputTokens;
    }

    /// <summary>The micro-batch's metrics.</summary>
    public Dictionary<string, double> Means()
    {
        var means = new Dictionary<string, double>
        {
            [MetricNames.Loss] = _loss,
            [MetricNames.Entropy] = _entropy / (_predictedChosen + _predictedRejected),
            [MetricNames.LogitsChosen] = _logitsChosen / _predictedChosen,
            [MetricNames.LogitsRejected] = _logitsRejected / _predictedRejected,
            [MetricNames.MeanTokenAccuracy] = _firstChoices / _predictedChosen,
            [MetricNames.RewardsChosen] = recipe.Beta * _rewardsChosen / pairs,
            [MetricNames.RewardsRejected] = recipe.Beta * _rewardsRejected / pairs,
            [MetricNames.RewardsAccuracies] = _correct / pairs,
            [MetricNames.RewardsMargins] = recipe.Beta * (_rewardsChosen - _rewardsRejected) / pairs,
            [MetricNames.LogpsChosen] = _logpsChosen / pairs,
            [MetricNames.LogpsRejected] = _logpsRejected / pairs,
        };
        // As TRL, which does not compute the term that CPO does not count.
        if (!recipe.HasReference) means[MetricNames.NllLoss] = recipe is { Method: TrainingMethod.Cpo, CpoAlpha: 0 } ? 0 : _crossEntropy / pairs;
        if (recipe.Method != TrainingMethod.Orpo) return means;
        means[MetricNames.LogOddsChosen] = _logOdds / pairs;
        means[MetricNames.LogOddsRatio] = _logOddsRatio / pairs;
        return means;
    }
}
