using TorchSharp;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Batching;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Losses;
using TrainingService.Training.Modules;
using TrainingService.Training.Trainers;
using static TorchSharp.torch;

namespace TrainingService.Training.Objectives;

/// <summary>
/// Kahneman–Tversky optimisation (Ethayarajh et al., 2024, arXiv 2402.01306) on completions with a thumb up or down, as TRL's
/// KTOTrainer. The divergence from the reference is estimated on mismatched pairs: each row's prompt before the completion of
/// the row before it, in groups of a micro-batch in the file's order.
/// </summary>
internal sealed class KtoObjective : IObjective
{
    private readonly ModelPasses _passes;
    private readonly TrainingRecipe _recipe;
    private readonly Split _train, _validation;
    private readonly bool _startsAtReference;

    /// <param name="passes">Policy and reference.</param>
    /// <param name="recipe">The recipe.</param>
    /// <param name="run">The rows.</param>
    /// <param name="startsAtReference">Whether the policy is the reference before the first step.</param>
    public KtoObjective(ModelPasses passes, TrainingRecipe recipe, TrainerRun run, bool startsAtReference)
    {
        (_passes, _recipe, _startsAtReference) = (passes, recipe, startsAtReference);
        _train = Rows(run.Train, MetricSplit.Train);
        _validation = Rows(run.Validation ?? [], MetricSplit.Eval);

        Split Rows(IReadOnlyList<TokenizedRow> rows, MetricSplit split)
        {
            TokenizedExample[] examples = [.. rows.Cast<TokenizedExample>()];
            PackedRow[] packed = [.. examples.Select((e, i) => new PackedRow(e.PromptIds, e.CompletionIds, EstimatesDivergence ? examples[Mismatched(i, examples.Length)].CompletionIds : []))];
            return new(packed, [.. examples.Select(e => e.Label)], new(packed, run, split, passes.PackTokens));
        }
    }

    private bool EstimatesDivergence => _recipe.KtoLossType == KtoLossType.Kto;

    public double ShareOf(int[] batch, IReadOnlyList<int[]> window) => 1.0 / window.Count;

    public BatchMetrics Pass(MicroBatch batch, Action obey)
    {
        Split split = batch.Split == MetricSplit.Train ? _train : _validation;
        FillReference(split, batch.Rows, obey);
        double kl = EstimatesDivergence ? Divergence(split, batch.Rows, obey) : 0;
        var sums = new Sums(_recipe.Beta, kl);
        foreach (ArraySegment<int> pack in Packs(batch.Rows, split.WithoutMismatch))
        {
            obey();
            using DisposeScope scope = NewDisposeScope();
            using var packed = new PackedBatch([.. pack.Select(split.WithoutMismatch)], _passes.Device);
            using ScoredPack scored = _passes.Score(packed, HeadOutputs.Metrics | (batch.GradientScale is null ? 0 : HeadOutputs.Gradient));
            Tensor reference = First(split.Reference.Find(pack, _passes.Device)!);
            Tensor isDesirable = tensor(pack.Select(r => split.Labels[r] ? 1f : 0f).ToArray(), device: _passes.Device);
            Tensor logProbs = scored.Tokens.LogProbs.detach().requires_grad_(), policy, loss;
            using (enable_grad())
            {
                policy = First(packed.Sum(logProbs));
                Tensor signs = isDesirable * 2 - 1, ratios = policy - reference;
                Tensor losses = EstimatesDivergence ? KtoLoss.PerRow(ratios, signs, _recipe.Beta, kl) : ApoZeroUnpairedLoss.PerRow(ratios, signs, _recipe.Beta);
                loss = (losses * (isDesirable * _recipe.DesirableWeight + (1 - isDesirable) * _recipe.UndesirableWeight)).sum() / batch.Rows.Length;
                if (batch.GradientScale is { } scale) (loss * scale).backward();
            }
            if (batch.BeforeFirstStep && _startsAtReference) ReferenceLogProbs.RequireEqual(policy.detach(), reference);
            sums.Add(packed, scored.Tokens, policy.detach(), reference, isDesirable, loss.detach());
            if (batch.GradientScale is not null) scored.Backward(logProbs.grad!);
        }
        return new(sums.Means(), batch.Rows.Sum(r => (long)split.WithoutMismatch(r).Tokens));
    }

    public void EndOf(MetricSplit split) => (split == MetricSplit.Train ? _train : _validation).Reference.WriteWhenComplete();

    public IEnumerable<KeyValuePair<string, Tensor>> State =>
        [new("reference.train", _train.Reference.ToTensor()), new("reference.validation", _validation.Reference.ToTensor())];

    public void Restore(SafetensorsReader state)
    {
        _train.Reference.Restore(state.Read("reference.train"));
        _validation.Reference.Restore(state.Read("reference.validation"));
    }

    /// <summary>Computes what is not known yet of a micro-batch's reference, own and mismatched completion behind the prompt that they share.</summary>
    private void FillReference(Split split, int[] batch, Action obey)
    {
        foreach (ArraySegment<int> pack in Packs(batch, r => split.Rows[r]))
        {
            obey();
            using DisposeScope scope = NewDisposeScope();
            if (split.Reference.Find(pack, _passes.Device) is not null) continue;
            using var packed = new PackedBatch([.. pack.Select(r => split.Rows[r])], _passes.Device);
            split.Reference.Store(pack, packed.Sum(_passes.ReferenceLogProbs(packed)));
        }
    }

    /// <summary>Mean log-ratio of the mismatched completions, at least 0. The loss of every row needs that of the whole micro-batch, so it comes first.</summary>
    private double Divergence(Split split, int[] batch, Action obey)
    {
        double sum = 0;
        foreach (ArraySegment<int> pack in Packs(batch, split.Mismatch))
        {
            obey();
            using DisposeScope scope = NewDisposeScope();
            using var packed = new PackedBatch([.. pack.Select(split.Mismatch)], _passes.Device);
            Tensor reference = split.Reference.Find(pack, _passes.Device)!.view(-1, 2).select(1, 1);
            sum += (First(packed.Sum(_passes.LogProbs(packed))) - reference).sum().item<float>();
        }
        return Math.Max(0, sum / batch.Length);
    }

    private IEnumerable<ArraySegment<int>> Packs(int[] batch, Func<int, PackedRow> rowOf) => TokenBudget.Split(batch, r => rowOf(r).Tokens, _passes.PackTokens);

    /// <summary>The row whose completion stands for a mismatched one: the one before, in a circle within the group.</summary>
    private int Mismatched(int row, int rows)
    {
        int start = row / _recipe.BatchSize * _recipe.BatchSize, size = Math.Min(_recipe.BatchSize, rows - start);
        return start + (row - start + size - 1) % size;
    }

    private static Tensor First(Tensor perOwner) => perOwner.view(-1, 2).select(1, 0);

    /// <summary>The rows of a split: prompt, own completion and mismatched one.</summary>
    private sealed record Split(PackedRow[] Rows, bool[] Labels, ReferenceLogProbs Reference)
    {
        public PackedRow WithoutMismatch(int row) => Rows[row] with { Second = [] };

        public PackedRow Mismatch(int row) => new(Rows[row].Prompt, Rows[row].Second, []);
    }

    /// <summary>Sums of a micro-batch's metrics over its packs, undesirable rows first.</summary>
    private sealed class Sums(double beta, double kl)
    {
        private readonly double[] _rows = new double[2], _rewards = new double[2], _logps = new double[2], _logits = new double[2], _tokens = new double[2];
        private double _loss, _entropy;

        public void Add(PackedBatch packed, TokenStatistics tokens, Tensor policy, Tensor reference, Tensor isDesirable, Tensor loss)
        {
            Tensor desirableToken = isDesirable.index_select(0, packed.Owners.floor_divide(2));
            Tensor[] Both(Tensor values, Tensor desirable) => [(values * (1 - desirable)).sum(), (values * desirable).sum()];
            double[] read = [.. stack([
                loss, tokens.Entropy!.sum(),
                .. Both(ones_like(policy), isDesirable), .. Both(policy - reference, isDesirable), .. Both(policy, isDesirable),
                .. Both(tokens.MeanLogit!, desirableToken), .. Both(ones_like(desirableToken), desirableToken),
            ]).to_type(ScalarType.Float64).cpu().data<double>()];
            _loss += read[0];
            _entropy += read[1];
            int at = 2;
            foreach (double[] sums in new[] { _rows, _rewards, _logps, _logits, _tokens })
                for (int label = 0; label < 2; label++) sums[label] += read[at++];
        }

        public Dictionary<string, double> Means()
        {
            var means = new Dictionary<string, double> { [MetricNames.Loss] = _loss, [MetricNames.Kl] = kl, [MetricNames.Entropy] = _entropy / _tokens.Sum() };
            if (_rows[1] > 0) Add(1, MetricNames.RewardsChosen, MetricNames.LogpsChosen, MetricNames.LogitsChosen);
            if (_rows[0] > 0) Add(0, MetricNames.RewardsRejected, MetricNames.LogpsRejected, MetricNames.LogitsRejected);
            if (_rows[0] > 0 && _rows[1] > 0) means[MetricNames.RewardsMargins] = means[MetricNames.RewardsChosen] - means[MetricNames.RewardsRejected];
            return means;

            void Add(int label, string rewards, string logps, string logits)
            {
                means[rewards] = beta * _rewards[label] / _rows[label];
                means[logps] = _logps[label] / _rows[label];
                means[logits] = _logits[label] / _tokens[label];
            }
        }
    }
}
