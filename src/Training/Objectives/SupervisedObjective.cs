using TorchSharp;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Metrics;
using TrainingService.Training.Batching;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Modules;
using TrainingService.Training.Trainers;
using static TorchSharp.torch;

namespace TrainingService.Training.Objectives;

/// <summary>
/// Supervised fine-tuning: cross-entropy of the counted tokens, as TRL's SFTTrainer. The loss is a mean over the tokens of
/// the whole optimiser step, so that it does not depend on how a step is split into micro-batches.
/// </summary>
internal sealed class SupervisedObjective(ModelPasses passes, TrainerRun run) : IObjective
{
    private readonly PackedRow[] _train = Rows(run.Train), _validation = Rows(run.Validation ?? []);

    public double ShareOf(int[] batch, IReadOnlyList<int[]> window) => (double)Targets(_train, batch) / window.Sum(b => Targets(_train, b));

    public BatchMetrics Pass(MicroBatch batch, Action obey)
    {
        PackedRow[] rows = batch.Split == MetricSplit.Train ? _train : _validation;
        long targets = Targets(rows, batch.Rows);
        double loss = 0, entropy = 0, firstChoices = 0;
        foreach (ArraySegment<int> pack in TokenBudget.Split(batch.Rows, r => rows[r].Tokens, passes.PackTokens))
        {
            obey();
            using DisposeScope scope = NewDisposeScope();
            using var packed = new PackedBatch([.. pack.Select(r => rows[r])], passes.Device);
            using ScoredPack scored = passes.Score(packed, HeadOutputs.Metrics | (batch.GradientScale is null ? 0 : HeadOutputs.Gradient));
            double[] sums = [.. stack([scored.Tokens.LogProbs.sum(), scored.Tokens.Entropy!.sum(), scored.Tokens.IsFirstChoice!.sum()])
                .to_type(ScalarType.Float64).cpu().data<double>()];
            loss -= sums[0] / targets;
            entropy += sums[1] / targets;
            firstChoices += sums[2] / targets;
            if (batch.GradientScale is { } scale) scored.Backward(full_like(scored.Tokens.LogProbs, -scale / targets));
        }
        return new(new Dictionary<string, double>
        {
            [MetricNames.Loss] = loss,
            [MetricNames.Entropy] = entropy,
            [MetricNames.MeanTokenAccuracy] = firstChoices,
        }, batch.Rows.Sum(r => (long)rows[r].First.Length));
    }

    public void EndOf(MetricSplit split) { }

    public IEnumerable<KeyValuePair<string, Tensor>> State => [];

    public void Restore(SafetensorsReader state) { }

    private static PackedRow[] Rows(IReadOnlyList<TokenizedRow> rows) => [.. rows.Cast<TokenizedSequence>().Select(PackedRow.Of)];

    /// <summary>Counted tokens; the first of a sequence is predicted by nothing.</summary>
    private static long Targets(PackedRow[] rows, int[] batch) => batch.Sum(r => rows[r].Counted!.Skip(1).Count(c => c));
}
