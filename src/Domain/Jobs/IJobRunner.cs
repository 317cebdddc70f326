namespace TrainingService.Domain.Jobs;

/// <summary>
/// Runs one fine-tuning job. The queue holds calls of this interface, so that the API host, which enqueues them, needs
/// nothing of the engine that a worker runs them with.
/// </summary>
public interface IJobRunner
{
    /// <summary>
    /// Claims the job and trains it until it ends, is cancelled or paused, or the worker stops. A job that another worker
    /// holds, or that has ended, is left alone.
    /// </summary>
    /// <param name="jobId">The job's id.</param>
    /// <param name="cancellationToken">Signals that the worker stops: the job is checkpointed and handed over.</param>
    Task RunAsync(string jobId, CancellationToken cancellationToken);
}
