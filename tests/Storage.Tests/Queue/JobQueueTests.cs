using TrainingService.Storage.Hosting;
using TrainingService.Storage.Queue;
using TrainingService.Tests;

namespace TrainingService.Storage.Tests.Queue;

public sealed class JobQueueTests(PostgresServer server)
{
    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Jobs_OnceEnqueued_AreListed(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        var queue = storage.Get<IJobQueue>();
        Assert.Empty(queue.List().Waiting);
        // More than one page of the listing.
        string[] ids = [.. Enumerable.Range(0, 501).Select(i => $"ftjob-{i}")];
        foreach (string id in ids) queue.Enqueue(id);
        Assert.Equal(ids.Order(), queue.List().Waiting.Order());
        Assert.Empty(queue.List().Taken);
    }
}
