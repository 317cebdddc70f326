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
/// Preference pairs: direct preference optimisation (Rafailov et al., 2023, arXiv 2305.18290) against a frozen reference, as
/// TRL's DPOTrainer, and its cousins without one, ORPO and CPO with SimPO, as TRL's ORPOTrainer and CPOTrainer.
/// </summary>
internal sealed class PairObjective : IObjective
{
    private readonly ModelPasses _passes;
    private readonly TrainingRecipe _recipe;
    private readonly PackedRow[] _train, _validation;
    private readonly ReferenceLogProbs? _trainReference, _validationReference;
    private readonly bool _startsAtReference;

    /// <param name="passes">Policy and reference.</param>
    /// <param name="recipe">The recipe.</param>
    /// <param name="run">The rows.</param>
    /// <param name="startsAtReference">Whether the policy is the reference before the first step.</param>
    public PairObjective(ModelPasses passes, TrainingRecipe recipe, TrainerRun run, bool startsAtReference)
    {
        (_passes, _recipe, _startsAtReference) = (passes, recipe, startsAtReference);
        (_train, _validation) = (Rows(run.Train), Rows(run.Validation ?? []));
        if (!recipe.HasReference) return;
        _trainReference = new(_train, run, MetricSplit.Train, passes.PackTokens);
        _validationReference = new(_validation, run, MetricSplit.Eval, passes.PackTokens);
    }

    // TRL's three trainers average over pairs, micro-batch by micro-batch.
    public double ShareOf(int[] batch, IReadOnlyList<int[]> window) => 1.0 / window.Count;

    public BatchMetrics Pass(MicroBatch batch, Action obey)
    {
        bool trains = batch.Split == MetricSplit.Train, promptTargets = _recipe.Method == TrainingMethod.Orpo;
        PackedRow[] rows = trains ? _train : _validation;
        ReferenceLogProbs? reference = trains ? _trainReference : _validationReference;
        var sums = new PairSums(_recipe, batch.Rows.Length, batch.Rows.Sum(r => rows[r].First.Length + (promptTargets ? Math.Max(0, rows[r].Prompt.Length - 1) : 0)));
        HeadOutputs asked = HeadOutputs.Metrics | (batch.GradientScale is null ? 0 : HeadOutputs.Gradient) | (_recipe.UseWeighting ? HeadOutputs.LogSquareSum : 0);
        int budget = PreferenceLoss.NeedsWholeBatch(_recipe) ? int.MaxValue : _passes.PackTokens;
        foreach (ArraySegment<int> pack in TokenBudget.Split(batch.Rows, r => rows[r].Tokens, budget))
        {
            obey();
            using DisposeScope scope = NewDisposeScope();
            using var packed = new PackedBatch([.. pack.Select(r => rows[r])], _passes.Device, promptTargets);
            Tensor? referenceLogProbs = reference is null ? null : ReferenceOf(pack, packed, reference);
            using ScoredPack scored = _passes.Score(packed, asked);
            var scores = new PairPackScores(_recipe, packed, scored.Tokens, referenceLogProbs, sums);
            if (batch.BeforeFirstStep && _startsAtReference && reference is not null) scores.RequireEqualToReference();
            sums.Add(scores, pack.Sum(r => (long)rows[r].Prompt.Length + rows[r].Tokens));
            if (batch.GradientScale is { } scale) scored.Backward(scores.LogProbGradient(scale));
        }
        return new(sums.Means(), sums.Tokens);
    }

    public void EndOf(MetricSplit split) => (split == MetricSplit.Train ? _trainReference : _validationReference)?.WriteWhenComplete();

    public IEnumerable<KeyValuePair<string, Tensor>> State
    {
        get
        {
            if (_trainReference is not null) yield return new("reference.train", _trainReference.ToTensor());
            if (_validationReference is not null) yield return new("reference.validation", _validationReference.ToTensor());
        }
    }

    public void Restore(SafetensorsReader state)
    {
        _trainReference?.Restore(state.Read("reference.train"));
        _validationReference?.Restore(state.Read("reference.validation"));
    }

    /// <summary>The reference's summed log-probabilities of a pack, (2 · pairs,): from the cache, or by a pass that fills it.</summary>
    private Tensor ReferenceOf(ArraySegment<int> rows, PackedBatch packed, ReferenceLogProbs reference)
    {
        if (reference.Find(rows, _passes.Device) is { } known) return known;
        using DisposeScope scope = NewDisposeScope();
        Tensor summed = packed.Sum(_passes.ReferenceLogProbs(packed), PairPackScores.TokenWeights(_recipe, packed, _passes.Device));
        reference.Store(rows, summed);
        return summed.MoveToOuterDisposeScope();
    }

    private static PackedRow[] Rows(IReadOnlyList<TokenizedRow> rows) => [.. rows.Cast<TokenizedPair>().Select(PackedRow.Of)];
}
