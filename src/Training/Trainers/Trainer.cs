using TorchSharp;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Batching;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using TrainingService.Training.Objectives;
using TrainingService.Training.Optimization;
using static TorchSharp.torch;

namespace TrainingService.Training.Trainers;

/// <summary>
/// Training of a LoRA adapter on a frozen model, as TRL's trainers do it number for number. The method's rows, loss and
/// metrics are an objective's; the loop over steps is here. Everything runs on the calling thread. Between two optimiser
/// steps the run's state is the step, the adapter, the optimiser, the sums since the last log, the best evaluation and what
/// the objective keeps: row order and dropout are functions of seed and step.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly TrainerRun _run;
    private readonly TrainingRecipe _recipe;
    private readonly CausalLanguageModel _model;
    private readonly LoraAdapter _adapter;
    private readonly LoraAdapter? _initial;
    private readonly IObjective _objective;
    private readonly IOptimizer _optimizer;
    private readonly TrainingPlan _plan;
    private readonly MetricAverages _averages = new();
    private readonly BestEvaluation _best;
    private readonly KeptCheckpoints _kept;
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
        if (run.Train.Count == 0) throw new ArgumentException("There are no training rows.", nameof(run));
        _run = run;
        _recipe = run.ResolveRecipe();
        _plan = new(_recipe, run.Train.Count);
        _clock = new(timeProvider);
        _model = CausalLanguageModel.Load(run.ModelFolder, _recipe.ComputeType, loadIn4Bit: _recipe.LoadIn4Bit);
        bool startsAtReference;
        try
        {
            _adapter = new(_recipe.Lora, _model.Adaptable, trains: true);
            if (run.AdapterFolder is null) _adapter.Initialize(_recipe.Seed);
            else PeftFiles.ReadWeights(_adapter, run.AdapterFolder);
            bool initialReference = run.AdapterFolder is not null && _recipe is { HasReference: true, Reference: ReferencePolicy.Initial };
            _initial = initialReference ? _adapter.FrozenCopy() : null;
            // What perturbs the policy's passes does not perturb the reference's; a fresh adapter adds nothing that could be dropped.
            startsAtReference = _recipe.NeftuneNoiseAlpha is null && (run.AdapterFolder is null || (initialReference && _recipe.Lora.Dropout == 0));
        }
        catch
        {
            _adapter?.Dispose();
            _model.Dispose();
            throw;
        }
        _optimizer = Optimizers.Create(_recipe, _adapter);
        _best = new(_recipe, _adapter.Parameters);
        _kept = new(_recipe.SaveTotalLimit);
        // Larger packs gain nothing on a CPU; on a GPU they hide the launches.
        int packTokens = run.PackTokens ?? (_model.Device.type == DeviceType.CUDA ? 16_384 : 2_048);
        var passes = new ModelPasses(_model, _adapter, _initial, packTokens);
        _objective = _recipe.Method switch
        {
            TrainingMethod.Supervised => new SupervisedObjective(passes, run),
            TrainingMethod.Kto => new KtoObjective(passes, _recipe, run, startsAtReference),
            _ => new PairObjective(passes, _recipe, run, startsAtReference),
        };
    }

    /// <summary>Optimiser steps in all.</summary>
    public int TotalSteps => _plan.TotalSteps;

    /// <summary>Where the run is.</summary>
    public TrainingProgress Progress => new(_step, TotalSteps, _plan.EpochAfter(_step), _tokens, _clock.PairsPerSecond, _clock.Remaining(TotalSteps - _step));

    /// <summary>The step whose evaluation was the best so far; null while there was none, or none is compared.</summary>
    public int? BestStep => _best.Step;

    /// <summary>What <c>metric_for_best_model</c> was at <see cref="BestStep"/>.</summary>
    public double? BestValue => _best.Step is null ? null : _best.Position.Value;

    /// <summary>Whether evaluations stopped getting better before all steps were taken.</summary>
    public bool StoppedEarly => _best.IsPatienceOver;

    /// <summary>Takes the remaining steps.</summary>
    /// <returns>Completed, or why it left; after <see cref="TrainingOutcome.Stopped"/> the state may be saved.</returns>
    /// <exception cref="NonFiniteMetricException">A metric is infinite or not a number.</exception>
    public TrainingOutcome Run(ITrainingObserver observer)
    {
        using var _ = no_grad();
        try
        {
            Settle(observer);
            while (_step < TotalSteps && !StoppedEarly)
            {
                (double gradNorm, double learningRate) = TakeStep(observer);
                Log(gradNorm, learningRate, observer);
                Settle(observer);
            }
            if (_recipe.LoadBestModelAtEnd) _best.Load();
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
            Best = _best.Position,
            Kept = _kept.Steps,
            Fingerprint = TrainingState.Fingerprint(_run, TotalSteps),
        };
        Dictionary<string, Tensor> tensors = new(_optimizer.State.Concat(_objective.State).Concat(_best.State)) { ["adapter"] = _adapter.Parameters };
        if (_adapter.Start is not null) tensors["adapter_start"] = _adapter.Start;
        if (_initial is not null) tensors["initial_adapter"] = _initial.Parameters;
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
        _optimizer.Restore(reader.Read, position.Step);
        _objective.Restore(reader);
        _best.Restore(position.Best, reader);
        _kept.Restore(position.Kept);
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
        _best.Dispose();
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
            _adapter.Noise.Begin(unchecked((long)_recipe.Seed * 1_000_003 + _plan.FirstMicroBatch(_step) + i), _recipe.NeftuneNoiseAlpha);
            double share = _objective.ShareOf(microBatches[i], microBatches);
            BatchMetrics batch = Pass(new(MetricSplit.Train, microBatches[i], share, BeforeFirstStep: _step == 0), _step + 1, observer);
            loss += batch.Values[MetricNames.Loss] * share;
            foreach ((string name, double mean) in batch.Values)
                if (name != MetricNames.Loss) measured.Add(name, mean);
            tokens += batch.Tokens;
        }
        _adapter.Noise.End();
        double norm = GradientClipping.Clip(_adapter.Gradients, _recipe.MaxGradNorm);
        if (!double.IsFinite(norm)) throw new NonFiniteMetricException(_step + 1, MetricNames.GradNorm, norm);
        double learningRate = _recipe.LearningRate * LearningRateSchedules.Factor(_recipe, _step, TotalSteps);
        _optimizer.Step(learningRate);

        measured.Add(MetricNames.Loss, loss);
        _averages.Add(measured);
        _step++;
        _tokens += tokens;
        _clock.Stop(microBatches.Sum(b => b.Length));
        if (_plan.EndsEpoch(_step)) _objective.EndOf(MetricSplit.Train);
        _evaluationPending = _run.Validation is { Count: > 0 } && IsDue(EvalStrategy, _recipe.EvalSteps ?? _recipe.LoggingSteps);
        _checkpointPending = IsDue(_recipe.SaveStrategy, _recipe.SaveSteps);
        return (norm, learningRate);
    }

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
            Dictionary<string, double> values = Evaluate(observer);
            observer.OnMetrics(new(_step, MetricSplit.Eval, _plan.EpochAfter(_step), values));
            _best.Compare(_step, values);
            _evaluationPending = false;
        }
        if (_checkpointPending)
        {
            observer.OnCheckpoint(_step, _kept.Add(_step, _best.Step));
            _checkpointPending = false;
        }
        if (_step > 0) observer.OnStep(Progress);
    }

    /// <summary>Metrics of the validation rows: means over batches, the loss over rows.</summary>
    private Dictionary<string, double> Evaluate(ITrainingObserver observer)
    {
        var averages = new MetricAverages();
        foreach (int[] batch in Enumerable.Range(0, _run.Validation!.Count).Chunk(_recipe.BatchSize))
            foreach ((string name, double mean) in Pass(new(MetricSplit.Eval, batch, GradientScale: null), _step, observer).Values)
                averages.Add(name, mean, name == MetricNames.Loss ? batch.Length : 1);
        _objective.EndOf(MetricSplit.Eval);
        Dictionary<string, double> values = averages.Means(_step);
        values[MetricNames.NumTokens] = _tokens;
        return values;
    }

    private BatchMetrics Pass(MicroBatch batch, int step, ITrainingObserver observer)
    {
        BatchMetrics metrics = _objective.Pass(batch, () => Obey(observer));
        foreach ((string name, double value) in metrics.Values)
            if (!double.IsFinite(value)) throw new NonFiniteMetricException(step, name, value);
        return metrics;
    }

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
