using Hangfire;
using Hangfire.States;
using Hangfire.Storage;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Models;

namespace TrainingService.Storage.Queue;

/// <summary>The queue in Hangfire. It holds calls of <see cref="IJobRunner"/> and <see cref="IModelDownloader"/>, whose classes only a worker has.</summary>
internal sealed class HangfireJobQueue(IBackgroundJobClient client, JobStorage storage, TimeProvider timeProvider) : IJobQueue
{
    private const int Page = 500;

    // Servers send a heartbeat every half minute.
    private static readonly TimeSpan s_silence = TimeSpan.FromMinutes(2);

    public void Enqueue(string jobId) => client.Enqueue<IJobRunner>(runner => runner.RunAsync(jobId, CancellationToken.None));

    public void EnqueueDownload(string model) =>
        client.Create<IModelDownloader>(downloader => downloader.RunAsync(model, CancellationToken.None), new EnqueuedState(QueueNames.Downloads));

    public (IReadOnlySet<string> Waiting, IReadOnlySet<string> Taken) List()
    {
        IMonitoringApi monitor = storage.GetMonitoringApi();
        return (
            Collect((queue, from) => monitor.EnqueuedJobs(queue, from, Page).Select(j => j.Value?.Job)),
            Collect((queue, from) => monitor.FetchedJobs(queue, from, Page).Select(j => j.Value?.Job)));
    }

    public int CountWorkers()
    {
        DateTime alive = timeProvider.GetUtcNow().UtcDateTime - s_silence;
        return storage.GetMonitoringApi().Servers().Where(s => s.Heartbeat > alive && s.Queues.Contains(QueueNames.Jobs)).Sum(s => s.WorkersCount);
    }

    private static HashSet<string> Collect(Func<string, int, IEnumerable<Hangfire.Common.Job?>> read)
    {
        HashSet<string> ids = [];
        foreach (string queue in (string[])[QueueNames.Jobs, QueueNames.Downloads])
            for (int from = 0, count = Page; count == Page; from += Page)
            {
                Hangfire.Common.Job?[] page = [.. read(queue, from)];
                ids.UnionWith(page.Where(j => j?.Type == typeof(IJobRunner) || j?.Type == typeof(IModelDownloader)).Select(j => (string)j!.Args[0]));
                count = page.Length;
            }
        return ids;
    }
}
