using TorchSharp;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Batching;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Losses;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using TrainingService.Training.Optimization;
using static TorchSharp.torch;

namespace TrainingService.Training.Trainers;

/// <summary>
/// Direct preference optimisation (Rafailov et al., 2023, arXiv 2305.18290) of a LoRA adapter on a frozen model, as TRL's
/// DPOTrainer does it number for number. Everything runs on the calling thread. Between two optimiser steps the run's state
/// is the step, the adapter, the optimiser, the sums since the last log and the reference's log-probabilities: row order and
/// dropout are functions of seed and step.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly TrainerRun _run;
    private readonly TrainingRecipe _recipe;
    private readonly CausalLanguageModel _model;
    private readonly LoraAdapter _adapter;
    private readonly LoraAdapter? _initial;
    private readonly AdamW _optimizer;
    private readonly TrainingPlan _plan;
    private readonly MetricAverages _averages = new();
    private readonly ReferenceLogProbs _trainReference;
    private readonly ReferenceLogProbs? _validationReference;
    private readonly bool _startsAtReference;
    private readonly int _packTokens;
    private readonly StepClock _clock;
    private int _step;
    private long _tokens;
    private bool _evaluationPending;
    private bool _checkpointPending;

    /// <summary>Loads the model and makes the adapter.</summary>
    /// <param name="run">What to train.</param>
    /// <param name="timeProvider">Measures the speed.</param>
    /// <exception cref="ModelFormatException">The model, the adapter or a setting that depends on the model cannot be used.</exception>
    public Trainer(TrainerRun run, TimeProvider timeProvider)
    {
        if (run.Train.Count == 0) throw new ArgumentException("There are no training pairs.", nameof(run));
        _run = run;
        _recipe = run.AdapterFolder is null ? run.Recipe : run.Recipe with { Lora = PeftConfig.Read(run.AdapterFolder) with { Dropout = run.Recipe.Lora.Dropout } };
        _plan = new(_recipe, run.Train.Count);
        _clock = new(timeProvider);
        _model = CausalLanguageModel.Load(run.ModelFolder, _recipe.ComputeType, loadIn4Bit: _recipe.LoadIn4Bit);
        try
        {
            _adapter = new(_recipe.Lora, _model.Adaptable, trains: true);
            if (run.AdapterFolder is null) _adapter.Initialize(_recipe.Seed);
            else PeftFiles.ReadWeights(_adapter, run.AdapterFolder);
            bool initialReference = run.AdapterFolder is not null && _recipe.Reference == ReferencePolicy.Initial;
            _initial = initialReference ? _adapter.FrozenCopy() : null;
            _startsAtReference = run.AdapterFolder is null || initialReference;
        }
        catch
        {
            _model.Dispose();
            throw;
        }
        _optimizer = new(_adapter.Parameters, _adapter.Gradients!)
        {
            Beta1 = _recipe.AdamBeta1,
            Beta2 = _recipe.AdamBeta2,
            Epsilon = _recipe.AdamEpsilon,
            WeightDecay = _recipe.WeightDecay,
        };
        // Larger packs gain nothing on a CPU; on a GPU they hide the launches.
        _packTokens = run.PackTokens ?? (_model.Device.type == DeviceType.CUDA ? 16_384 : 2_048);
        _trainReference = new(run.Train, run, "train", _packTokens);
        _validationReference = run.Validation is null ? null : new(run.Validation, run, "validation", _packTokens);
    }

    /// <summary>Optimiser steps in all.</summary>
    public int TotalSteps => _plan.TotalSteps;

    /// <summary>Where the run is.</summary>
    public TrainingProgress Progress => new(_step, TotalSteps, _plan.EpochAfter(_step), _tokens, _clock.PairsPerSecond, _clock.Remaining(TotalSteps - _step));

    /// <summary>Takes the remaining steps.</summary>
    /// <returns>Completed, or why it left; after <see cref="TrainingOutcome.Stopped"/> the state may be saved.</returns>
    /// <exception cref="NonFiniteMetricException">A metric is infinite or not a number.</exception>
    public TrainingOutcome Run(ITrainingObserver observer)
    {
        using var _ = no_grad();
        try
        {
            Settle(observer);
            while (_step < TotalSteps)
            {
                (double gradNorm, double learningRate) = TakeStep(observer);
                Log(gradNorm, learningRate, observer);
                Settle(observer);
            }
            return TrainingOutcome.Completed;
        }
        catch (SignalledException signalled)
        {
            return signalled.Outcome;
        }
    }

    /// <summary>Saves what <see cref="RestoreState"/> continues from; on the trainer's thread, or after <see cref="Run"/>.</summary>
    /// <param name="folder">Created when absent. The file in it is replaced whole or not at all.</param>
    public void SaveState(string folder)
    {
        using DisposeScope scope = NewDisposeScope();
        var position = new TrainingPosition
        {
            Step = _step,
            Tokens = _tokens,
            EvaluationPending = _evaluationPending,
            CheckpointPending = _checkpointPending,
            Sums = _averages.Sums,
            Weights = _averages.Weights,
            Fingerprint = TrainingState.Fingerprint(_run, TotalSteps),
        };
        Dictionary<string, Tensor> tensors = new()
        {
            ["adapter"] = _adapter.Parameters,
            ["exp_avg"] = _optimizer.ExpAvg,
            ["exp_avg_sq"] = _optimizer.ExpAvgSq,
            ["reference.train"] = _trainReference.ToTensor(),
        };
        if (_adapter.Start is not null) tensors["adapter_start"] = _adapter.Start;
        if (_initial is not null) tensors["initial_adapter"] = _initial.Parameters;
        if (_validationReference is not null) tensors["reference.validation"] = _validationReference.ToTensor();
        TrainingState.Write(folder, position, tensors);
    }

    /// <summary>Continues from a saved state as if it had never been left.</summary>
    /// <exception cref="ModelFormatException">The folder holds no state of this run.</exception>
    public void RestoreState(string folder)
    {
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using SafetensorsReader reader = TrainingState.Open(folder);
        TrainingPosition position = TrainingState.ReadPosition(reader);
        if (position.Fingerprint != TrainingState.Fingerprint(_run, TotalSteps))
            throw new ModelFormatException("The saved state belongs to a run with other settings or rows.");
        reader.ReadInto("adapter", _adapter.Parameters);
        if (_adapter.Start is not null) reader.ReadInto("adapter_start", _adapter.Start);
        if (_initial is not null) reader.ReadInto("initial_adapter", _initial.Parameters);
        _optimizer.Restore(reader.Read("exp_avg"), reader.Read("exp_avg_sq"), position.Step);
        _trainReference.Restore(reader.Read("reference.train"));
        _validationReference?.Restore(reader.Read("reference.validation"));
        (_step, _tokens) = (position.Step, position.Tokens);
        (_evaluationPending, _checkpointPending) = (position.EvaluationPending, position.CheckpointPending);
        _averages.Clear();
        _averages.Add(new MetricAverages { Sums = position.Sums, Weights = position.Weights });
    }

    /// <summary>Writes the adapter in PEFT's form into a folder, which is created when absent.</summary>
    public void SaveAdapter(string folder)
    {
        Directory.CreateDirectory(folder);
        PeftFiles.Write(_adapter, folder, _run.BaseModelName);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _optimizer.Dispose();
        _adapter.Dispose();
        _initial?.Dispose();
        _model.Dispose();
    }

    /// <summary>One optimiser step over its micro-batches. Nothing of the run's state changes until the step is complete.</summary>
    /// <returns>The gradients' norm before clipping, and the learning rate of the step.</returns>
    private (double GradNorm, double LearningRate) TakeStep(ITrainingObserver observer)
    {
        using DisposeScope scope = NewDisposeScope();
        _clock.Start();
        IReadOnlyList<int[]> microBatches = _plan.MicroBatches(_step);
        var measured = new MetricAverages();
        double loss = 0;
        long tokens = 0;
        _adapter.Gradients!.zero_();
        for (int i = 0; i < microBatches.Count; i++)
        {
            _adapter.Noise.Begin(unchecked((long)_recipe.Seed * 1_000_003 + _plan.FirstMicroBatch(_step) + i), embeddingAlpha: null);
            BatchSums sums = Pass(microBatches[i], _run.Train, _trainReference, 1.0 / microBatches.Count, observer);
            Dictionary<string, double> means = sums.Means(_step + 1);
            loss += means[MetricNames.Loss] / microBatches.Count;
            foreach ((string name, double mean) in means)
                if (name != MetricNames.Loss) measured.Add(name, mean);
            tokens += sums.Tokens;
        }
        _adapter.Noise.End();
        double norm = GradientClipping.Clip(_adapter.Gradients, _recipe.MaxGradNorm);
        if (!double.IsFinite(norm)) throw new NonFiniteMetricException(_step + 1, MetricNames.GradNorm, norm);
        double learningRate = LearningRate();
        _optimizer.Step(learningRate);

        measured.Add(MetricNames.Loss, loss);
        _averages.Add(measured);
        _step++;
        _tokens += tokens;
        _clock.Stop(microBatches.Sum(b => b.Length));
        if (_plan.EndsEpoch(_step)) _trainReference.WriteWhenComplete();
        _evaluationPending = _run.Validation is { Count: > 0 } && IsDue(EvalStrategy, _recipe.EvalSteps ?? _recipe.LoggingSteps);
        _checkpointPending = IsDue(_recipe.SaveStrategy, _recipe.SaveSteps);
        return (norm, learningRate);
    }

    private double LearningRate() =>
        _recipe.LearningRate * LearningRateSchedules.Factor(_recipe.LearningRateSchedule, _step, TotalSteps, _recipe.WarmupSteps);

    private IntervalStrategy EvalStrategy => _recipe.EvalStrategy ?? IntervalStrategy.Epoch;

    private bool IsDue(IntervalStrategy strategy, int steps) => strategy switch
    {
        IntervalStrategy.Steps => _step % steps == 0,
        IntervalStrategy.Epoch => _plan.EndsEpoch(_step) || _step == TotalSteps,
        _ => false,
    };

    /// <summary>Reports the training metrics every so many steps, and after the last one.</summary>
    private void Log(double gradNorm, double learningRate, ITrainingObserver observer)
    {
        if (_step % _recipe.LoggingSteps != 0 && _step != TotalSteps) return;
        Dictionary<string, double> values = _averages.Means(_step);
        values[MetricNames.GradNorm] = gradNorm;
        values[MetricNames.LearningRate] = learningRate;
        values[MetricNames.NumTokens] = _tokens;
        _averages.Clear();
        observer.OnMetrics(new(_step, MetricSplit.Train, _plan.EpochAfter(_step), values));
    }

    /// <summary>Does what is due after a step. A run that was left in the middle of it does it again from the start.</summary>
    private void Settle(ITrainingObserver observer)
    {
        if (_evaluationPending)
        {
            observer.OnMetrics(new(_step, MetricSplit.Eval, _plan.EpochAfter(_step), Evaluate(observer)));
            _evaluationPending = false;
        }
        if (_checkpointPending)
        {
            observer.OnCheckpoint(_step);
            _checkpointPending = false;
        }
        if (_step > 0) observer.OnStep(Progress);
    }

    /// <summary>Metrics of the validation pairs: means over batches, the loss over pairs.</summary>
    private Dictionary<string, double> Evaluate(ITrainingObserver observer)
    {
        var averages = new MetricAverages();
        foreach (int[] batch in Enumerable.Range(0, _run.Validation!.Count).Chunk(_recipe.BatchSize))
        {
            BatchSums sums = Pass(batch, _run.Validation, _validationReference!, gradientScale: null, observer);
            foreach ((string name, double mean) in sums.Means(_step))
                averages.Add(name, mean, name == MetricNames.Loss ? batch.Length : 1);
        }
        _validationReference!.WriteWhenComplete();
        Dictionary<string, double> values = averages.Means(_step);
        values[MetricNames.NumTokens] = _tokens;
        return values;
    }

    /// <summary>Forward over a micro-batch in packs, and backward when a gradient scale is given.</summary>
    private BatchSums Pass(int[] batch, IReadOnlyList<TokenizedPair> pairs, ReferenceLogProbs reference, double? gradientScale, ITrainingObserver observer)
    {
        var sums = new BatchSums(batch.Length, batch.Sum(r => pairs[r].ChosenIds.Length), _recipe.Beta);
        int budget = PreferenceLoss.NeedsWholeBatch(_recipe) ? int.MaxValue : _packTokens;
        foreach (ArraySegment<int> rows in TokenBudget.Split(batch, r => pairs[r], budget))
        {
            Obey(observer);
            using DisposeScope scope = NewDisposeScope();
            using var packed = new PackedBatch([.. rows.Select(r => pairs[r])], _model.Device);
            Tensor referenceLogProbs = ReferenceOf(rows, packed, reference);
            using var tape = new Tape(records: gradientScale is not null);
            Activation normed = HiddenBeforeTargets(tape, packed, _adapter);
            HeadOutputs asked = HeadOutputs.Metrics | (gradientScale is null ? 0 : HeadOutputs.Gradient) | (_recipe.UseWeighting ? HeadOutputs.LogSquareSum : 0);
            (TokenStatistics tokens, Tensor? direction) = _model.Head.Forward(normed.Value, packed.Targets, asked, _adapter);
            var scored = new PackScores(_recipe, packed, tokens, referenceLogProbs, sums);
            if (_step == 0 && _startsAtReference && gradientScale is not null) scored.RequireEqualToReference();
            sums.Add(scored, rows.Sum(r => 2L * pairs[r].PromptIds.Length + pairs[r].ChosenIds.Length + pairs[r].RejectedIds.Length));
            if (gradientScale is not { } scale) continue;
            tape.Backward(normed, _model.Head.Backward(normed.Value, packed.Targets, direction!, scored.LogProbGradient(scale), _adapter));
        }
        return sums;
    }

    /// <summary>The reference's summed log-probabilities of a pack, (2 · pairs,): from the cache, or by a pass that fills it.</summary>
    private Tensor ReferenceOf(ArraySegment<int> rows, PackedBatch packed, ReferenceLogProbs reference)
    {
        if (reference.Find(rows, _model.Device) is { } known) return known;
        using DisposeScope scope = NewDisposeScope();
        using var tape = new Tape(records: false);
        Activation normed = HiddenBeforeTargets(tape, packed, _initial);
        Tensor logProbs = _model.Head.Forward(normed.Value, packed.Targets, HeadOutputs.LogProbs, _initial).Statistics.LogProbs;
        Tensor summed = PackScores.Sum(packed, logProbs, PackScores.TokenWeights(_recipe, packed, _model.Device));
        reference.Store(rows, summed);
        return summed.MoveToOuterDisposeScope();
    }

    /// <summary>Normed hidden states that predict a pack's completion tokens, (completion tokens, hidden).</summary>
    private Activation HiddenBeforeTargets(Tape tape, PackedBatch packed, LoraAdapter? adapter) =>
        _model.Norm(tape, _model.Forward(tape, packed.Ids, packed.Positions, new PackedAttention(packed.Spans), adapter, packed.Rows));

    private static void Obey(ITrainingObserver observer)
    {
        switch (observer.Signal)
        {
            case TrainingSignal.Cancel: throw new SignalledException(TrainingOutcome.Cancelled);
            case TrainingSignal.Stop: throw new SignalledException(TrainingOutcome.Stopped);
        }
    }

    /// <summary>Leaves a pass from any depth; the step it was in has changed nothing yet.</summary>
    private sealed class SignalledException(TrainingOutcome outcome) : Exception
    {
        public TrainingOutcome Outcome { get; } = outcome;
    }
}
