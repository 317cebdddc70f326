using TrainingService.Storage.Queue;

namespace TrainingService.Api.FineTuning;

/// <summary>Wakes a worker for a job or a download whose row is saved.</summary>
internal sealed partial class JobQueueing(IJobQueue queue, ILogger<JobQueueing> logger)
{
    /// <summary>
    /// Enqueues the job. When the queue does not answer, the job is none the worse: the workers' sweeper finds queued jobs
    /// that are not in the queue, so its client gets the job and not an error.
    /// </summary>
    public void Enqueue(string jobId) => Try(() => queue.Enqueue(jobId), jobId);

    /// <summary>Enqueues a model's download, likewise.</summary>
    public void EnqueueDownload(string model) => Try(() => queue.EnqueueDownload(model), model);

    private void Try(Action enqueue, string id)
    {
        try
        {
            enqueue();
        }
        catch (Exception e)
        {
            LogNotEnqueued(e, id);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Id} could not be enqueued; it waits for the sweeper.")]
    private partial void LogNotEnqueued(Exception exception, string id);
}
