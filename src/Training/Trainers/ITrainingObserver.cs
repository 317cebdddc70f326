using TrainingService.Domain.Metrics;

namespace TrainingService.Training.Trainers;

/// <summary>What the surroundings of a run want of it.</summary>
public enum TrainingSignal
{
    /// <summary>Go on.</summary>
    Continue,

    /// <summary>Leave at once; nothing of the run is needed any more.</summary>
    Cancel,

    /// <summary>Leave at once in a state that <c>Trainer.SaveState</c> can write.</summary>
    Stop,
}

/// <summary>How a run ended.</summary>
public enum TrainingOutcome
{
    /// <summary>All steps were taken.</summary>
    Completed,

    /// <summary>Left because of <see cref="TrainingSignal.Cancel"/>.</summary>
    Cancelled,

    /// <summary>Left because of <see cref="TrainingSignal.Stop"/>.</summary>
    Stopped,
}

/// <summary>How far a run is.</summary>
/// <param name="Step">Optimiser steps taken.</param>
/// <param name="TotalSteps">Optimiser steps in all.</param>
/// <param name="Epoch">Passes over the training rows so far, fractional.</param>
/// <param name="Tokens">Input tokens trained on so far.</param>
/// <param name="PairsPerSecond">Rows a second: speed of the last steps, evaluation and saving not counted; null before the first step.</param>
/// <param name="Remaining">Time the remaining steps will take at that speed; null before the first step.</param>
public sealed record TrainingProgress(int Step, int TotalSteps, double Epoch, long Tokens, double? PairsPerSecond, TimeSpan? Remaining);

/// <summary>Watches a run and steers it. Called on the trainer's thread, which waits for the answer.</summary>
public interface ITrainingObserver
{
    /// <summary>Read before every micro-batch, also of evaluation and of the reference pass; must answer at once.</summary>
    TrainingSignal Signal { get; }

    /// <summary>After every optimiser step; the trainer's state may be saved here.</summary>
    void OnStep(TrainingProgress progress);

    /// <summary>A log is due: training metrics every <c>logging_steps</c>, evaluation metrics after each evaluation.</summary>
    void OnMetrics(StepMetrics metrics);

    /// <summary>A kept checkpoint is due after this step; the adapter and the trainer's state may be saved here.</summary>
    /// <param name="step">The step.</param>
    /// <param name="superseded">Steps whose checkpoints save_total_limit keeps no longer.</param>
    void OnCheckpoint(int step, IReadOnlyList<int> superseded);
}
