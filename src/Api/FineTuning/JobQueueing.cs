using TrainingService.Storage.Queue;

namespace TrainingService.Api.FineTuning;

/// <summary>Wakes a worker for a job whose row is saved.</summary>
internal sealed partial class JobQueueing(IJobQueue queue, ILogger<JobQueueing> logger)
{
    /// <summary>
    /// Enqueues the job. When the queue does not answer, the job is none the worse: the workers' sweeper finds queued jobs
    /// that are not in the queue, so its client gets the job and not an error.
    /// </summary>
    public void Enqueue(string jobId)
    {
        try
        {
            queue.Enqueue(jobId);
        }
        catch (Exception e)
        {
            LogNotEnqueued(e, jobId);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Job {JobId} could not be enqueued; it waits for the sweeper.")]
    private partial void LogNotEnqueued(Exception exception, string jobId);
}
