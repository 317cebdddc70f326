using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Queue;
using TrainingService.Tests;
using TrainingService.Worker.Hosting;
using TrainingService.Worker.Tests.Jobs;

namespace TrainingService.Worker.Tests.Hosting;

public sealed class WorkerHostingTests(PostgresServer server)
{
    [Fact]
    public async Task Worker_WithSqliteAndAQueueInMemory_RunsWhatIsEnqueuedAndWhatWasForgotten()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Sqlite, builder =>
        {
            builder.AddWorker();
            builder.Services.Configure<WorkerOptions>(options => options.SweepInterval = TimeSpan.FromMilliseconds(200));
        });
        var recipe = DemoJobs.Recipe with { MaxSteps = 2 };
        storage.Get<IJobQueue>().Enqueue(await DemoJobs.AddAsync(storage, "ftjob-enqueued", recipe));
        await DemoJobs.AddAsync(storage, "ftjob-forgotten", recipe);

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        foreach (string id in (string[])["ftjob-enqueued", "ftjob-forgotten"])
        {
            while (await DemoJobs.ReadAsync(storage, id) is { IsFinal: false }) await Task.Delay(20, patience.Token);
            Assert.Equal(JobStatus.Succeeded, (await DemoJobs.ReadAsync(storage, id)).Status);
        }
    }

    [Fact]
    public void Worker_WhoseShutdownOutlastsTheQueuesPatience_IsRefused()
    {
        var e = Assert.ThrowsAny<OptionsValidationException>(() => TestStorage.Build(new()
        {
            ["Storage:Provider"] = "Sqlite",
            ["Storage:ConnectionString"] = "Data Source=never-opened.db",
            ["Storage:QueueInvisibilityTimeout"] = "00:00:10",
            ["Worker:ShutdownTimeout"] = "00:00:20",
        }, builder => builder.AddWorker()));
        Assert.Contains("Worker:ShutdownTimeout", e.Message);
    }
}
