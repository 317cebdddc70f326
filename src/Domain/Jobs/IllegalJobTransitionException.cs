namespace TrainingService.Domain.Jobs;

/// <summary>A job was asked for a move that its status does not allow.</summary>
/// <param name="jobId">The job.</param>
/// <param name="from">Its status.</param>
/// <param name="verb">What was asked.</param>
public sealed class IllegalJobTransitionException(string jobId, JobStatus from, string verb)
    : InvalidOperationException($"Job {jobId} is {from}; it cannot {verb}.")
{
    /// <summary>The job's status at the time.</summary>
    public JobStatus From { get; } = from;
}
