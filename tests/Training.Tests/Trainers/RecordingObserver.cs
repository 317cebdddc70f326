using TrainingService.Domain.Metrics;
using TrainingService.Training.Trainers;

namespace TrainingService.Training.Tests.Trainers;

/// <summary>Keeps what a run reports; signals when told to.</summary>
internal sealed class RecordingObserver : ITrainingObserver
{
    private int _reads;

    public List<StepMetrics> Metrics { get; } = [];

    public List<int> Steps { get; } = [];

    public List<int> Checkpoints { get; } = [];

    /// <summary>Gives the signal at the n-th time it is read.</summary>
    public Func<int, TrainingSignal> SignalAt { get; init; } = _ => TrainingSignal.Continue;

    /// <summary>Called at each kept checkpoint.</summary>
    public Action<int> WhenCheckpoint { get; init; } = _ => { };

    /// <summary>Called after each step.</summary>
    public Action WhenStep { get; init; } = () => { };

    public TrainingSignal Signal => SignalAt(_reads++);

    public void OnStep(TrainingProgress progress)
    {
        Steps.Add(progress.Step);
        WhenStep();
    }

    public void OnMetrics(StepMetrics metrics) => Metrics.Add(metrics);

    public void OnCheckpoint(int step, IReadOnlyList<int> superseded)
    {
        Checkpoints.Add(step);
        WhenCheckpoint(step);
    }
}
