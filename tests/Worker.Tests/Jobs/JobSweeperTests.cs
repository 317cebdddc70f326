using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Queue;
using TrainingService.Tests;
using TrainingService.Worker.Hosting;
using TrainingService.Worker.Jobs;

namespace TrainingService.Worker.Tests.Jobs;

public sealed class JobSweeperTests(PostgresServer server)
{
    private readonly ShiftedClock _clock = new();

    private JobSweeper Sweeper(TestStorage storage) => new(storage.Get<IDbContextFactory<TrainingDbContext>>(), storage.Get<IJobQueue>(),
        storage.Get<IFileStore>(), Options.Create(new WorkerOptions()), _clock, NullLogger<JobSweeper>.Instance);

    private FineTuningJob Job(string id, string file = "file-x") => new(id, "demo-model", file, null, "{}", 7, null, null, _clock.GetUtcNow().UtcDateTime);

    private static async Task AddAsync(TestStorage storage, params object[] rows)
    {
        await using TrainingDbContext db = storage.CreateContext();
        db.AddRange(rows);
        await db.SaveChangesAsync();
    }

    private async Task ClaimAsync(TestStorage storage, string id, TimeSpan duration) =>
        Assert.NotNull(await JobLease.TryClaimAsync(storage.Get<IDbContextFactory<TrainingDbContext>>(), _clock, duration, id, CancellationToken.None));

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Jobs_ThatNobodyHas_AreEnqueuedOnce(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        FineTuningJob paused = Job("ftjob-paused"), cancelled = Job("ftjob-cancelled");
        paused.Pause();
        cancelled.Cancel(_clock.GetUtcNow().UtcDateTime);
        await AddAsync(storage, Job("ftjob-forgotten"), Job("ftjob-waiting"), Job("ftjob-crashed"), Job("ftjob-alive"), paused, cancelled);
        storage.Get<IJobQueue>().Enqueue("ftjob-waiting");
        await ClaimAsync(storage, "ftjob-crashed", TimeSpan.FromMinutes(1));
        _clock.Advance(TimeSpan.FromMinutes(2));
        await ClaimAsync(storage, "ftjob-alive", TimeSpan.FromMinutes(1));

        await Sweeper(storage).SweepAsync(CancellationToken.None);
        await Sweeper(storage).SweepAsync(CancellationToken.None);

        Assert.Equal(["ftjob-crashed", "ftjob-forgotten", "ftjob-waiting"], storage.Get<IJobQueue>().List().Waiting.Order());
        Assert.Equal(3, storage.Get<Hangfire.JobStorage>().GetMonitoringApi().EnqueuedCount("default"));
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Files_PastTheirEnd_AreDeleted_UnlessAJobNeedsThem(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        var store = storage.Get<IFileStore>();
        foreach (string id in (string[])["file-old", "file-used", "file-young", "file-kept"])
        {
            await using FileStoreWriter writer = store.Create($"files/{id}");
            writer.Write("x"u8);
            await writer.CommitAsync(CancellationToken.None);
            var file = new StoredFile(id, "rows.jsonl", FilePurpose.FineTune, 1, $"files/{id}", _clock.GetUtcNow().UtcDateTime);
            if (id != "file-kept") file.ExpireAt(_clock.GetUtcNow().UtcDateTime.AddHours(id == "file-young" ? 3 : 1));
            await AddAsync(storage, file);
        }
        await AddAsync(storage, Job("ftjob-1", "file-used"));

        _clock.Advance(TimeSpan.FromHours(2));
        await Sweeper(storage).SweepAsync(CancellationToken.None);

        await using TrainingDbContext db = storage.CreateContext();
        Assert.Equal(["file-kept", "file-used", "file-young"], (await db.Files.Select(f => f.Id).ToListAsync()).Order());
        Assert.False(store.Exists("files/file-old"));
        Assert.True(store.Exists("files/file-used"));
    }

    [Fact]
    public async Task WorkFolders_OfEndedJobs_AreDeleted()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Sqlite);
        FineTuningJob ended = Job("ftjob-ended");
        ended.Cancel(_clock.GetUtcNow().UtcDateTime);
        await AddAsync(storage, ended, Job("ftjob-waits"));
        var store = storage.Get<IFileStore>();
        foreach (string name in (string[])["ftjob-ended", "ftjob-waits", "adapters"]) File.WriteAllText(Path.Combine(store.WorkFolder(name), "state"), "x");
        await Sweeper(storage).SweepAsync(CancellationToken.None);
        Assert.Equal(["adapters", "ftjob-waits"], store.ListWorkFolders().Order());
    }
}
