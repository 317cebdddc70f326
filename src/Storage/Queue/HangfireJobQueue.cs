using Hangfire;
using Hangfire.Storage;
using TrainingService.Domain.Jobs;

namespace TrainingService.Storage.Queue;

/// <summary>The queue in Hangfire. It holds calls of <see cref="IJobRunner"/>, whose class only a worker has.</summary>
internal sealed class HangfireJobQueue(IBackgroundJobClient client, JobStorage storage, TimeProvider timeProvider) : IJobQueue
{
    private const string QueueName = "default";
    private const int Page = 500;

    // Servers send a heartbeat every half minute.
    private static readonly TimeSpan s_silence = TimeSpan.FromMinutes(2);

    public void Enqueue(string jobId) => client.Enqueue<IJobRunner>(runner => runner.RunAsync(jobId, CancellationToken.None));

    public (IReadOnlySet<string> Waiting, IReadOnlySet<string> Taken) List()
    {
        IMonitoringApi monitor = storage.GetMonitoringApi();
        return (
            Collect(from => monitor.EnqueuedJobs(QueueName, from, Page).Select(j => j.Value?.Job)),
            Collect(from => monitor.FetchedJobs(QueueName, from, Page).Select(j => j.Value?.Job)));
    }

    public int CountWorkers()
    {
        DateTime alive = timeProvider.GetUtcNow().UtcDateTime - s_silence;
        return storage.GetMonitoringApi().Servers().Where(s => s.Heartbeat > alive).Sum(s => s.WorkersCount);
    }

    private static HashSet<string> Collect(Func<int, IEnumerable<Hangfire.Common.Job?>> read)
    {
        HashSet<string> ids = [];
        for (int from = 0; ; from += Page)
        {
            Hangfire.Common.Job?[] page = [.. read(from)];
            ids.UnionWith(page.Where(j => j?.Type == typeof(IJobRunner)).Select(j => (string)j!.Args[0]));
            if (page.Length < Page) return ids;
        }
    }
}
