namespace TrainingService.Storage.Queue;

/// <summary>Jobs waiting for a worker. The queue only wakes workers: the job's row decides who may run it.</summary>
public interface IJobQueue
{
    /// <summary>Lets a worker run the job; twice does no harm.</summary>
    void Enqueue(string jobId);

    /// <summary>Lets a worker fetch a model; twice does no harm.</summary>
    void EnqueueDownload(string model);

    /// <summary>Ids of the jobs, and of the models to fetch, that wait in the queue, and of those that a worker took out of it.</summary>
    (IReadOnlySet<string> Waiting, IReadOnlySet<string> Taken) List();

    /// <summary>How many jobs the workers that show life can run at once.</summary>
    int CountWorkers();
}
