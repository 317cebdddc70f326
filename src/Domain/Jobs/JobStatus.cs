namespace TrainingService.Domain.Jobs;

/// <summary>Where a fine-tuning job stands, under OpenAI's names in snake case.</summary>
public enum JobStatus
{
    /// <summary>Waiting for a worker.</summary>
    Queued,

    /// <summary>A worker trains it.</summary>
    Running,

    /// <summary>Stopped at a checkpoint until resumed.</summary>
    Paused,

    /// <summary>Finished; the adapter is there.</summary>
    Succeeded,

    /// <summary>Stopped by an error.</summary>
    Failed,

    /// <summary>Stopped on request.</summary>
    Cancelled,
}
