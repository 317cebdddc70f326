using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Training.Trainers;

namespace TrainingService.Worker.Jobs;

/// <summary>What a run has to tell in one write.</summary>
internal sealed class RunBatch
{
    public TrainingProgress? Progress { get; set; }

    public (int TotalSteps, string DatasetReport)? Preparation { get; set; }

    public List<StepMetrics> Metrics { get; } = [];

    public List<KeptCheckpoint> Checkpoints { get; } = [];

    /// <summary>Steps whose checkpoints are kept no longer.</summary>
    public List<int> Superseded { get; } = [];

    public List<JobEvent> Events { get; } = [];

    /// <summary>A training state was saved: whoever takes the job over starts further on.</summary>
    public bool StateSaved { get; set; }

    /// <summary>Called once everything is written.</summary>
    public Action? Written { get; set; }
}

/// <summary>An adapter that is in the store.</summary>
internal sealed record KeptCheckpoint(int Step, string ModelName, string AdapterKey);

/// <summary>What a client asked of a running job.</summary>
internal readonly record struct ClientWishes(bool Cancel, bool Pause);
