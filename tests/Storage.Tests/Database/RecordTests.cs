using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Storage.Tests.Database;

public sealed class RecordTests(PostgresServer server)
{
    private static readonly DateTime s_now = new(2026, 3, 1, 12, 0, 0, 123, 456, DateTimeKind.Utc);

    internal static FineTuningJob Job(string id, DateTime? now = null) => new(id, "demo-model", "file-train", null, "{}", 7, "mine",
        new Dictionary<string, string> { ["team"] = "a", ["ünïcode"] = "日本" }, now ?? s_now);

    internal static JobEvent Event(string jobId, string occasion) =>
        new(StableIds.Event(jobId, occasion), jobId, "info", "message", occasion, null, s_now);

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Records_ComeBackAsTheyWere(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        var file = new StoredFile("file-train", "rows.jsonl", FilePurpose.FineTune, 5_000_000_000, "files/file-train", s_now);
        file.RecordRows("openai_preference", 120);
        file.ExpireAt(s_now.AddDays(1));
        double awkward = 0.1 + 0.2;
        await using (TrainingDbContext db = storage.CreateContext())
        {
            db.AddRange(file, Job("ftjob-1"), Event("ftjob-1", "created"),
                new JobMetric("ftjob-1", 10, MetricSplit.Eval, 0.25, new() { [MetricNames.Loss] = awkward, [MetricNames.GradNorm] = double.MaxValue }, s_now),
                new JobCheckpoint("ftckpt_1", "ftjob-1", 10, "ft:demo-model:local:mine:1:ckpt-step-10", "k", "{}", s_now));
            await db.SaveChangesAsync();
        }

        await using (TrainingDbContext db = storage.CreateContext())
        {
            Assert.Equivalent(file, await db.Files.SingleAsync(), strict: true);
            Assert.Equivalent(Job("ftjob-1"), await db.Jobs.SingleAsync(), strict: true);
            JobMetric metric = await db.Metrics.SingleAsync();
            Assert.Equal(awkward, metric.Values[MetricNames.Loss]);
            Assert.Equal(double.MaxValue, metric.Values[MetricNames.GradNorm]);
            Assert.Equal(MetricSplit.Eval, metric.Split);
            Assert.Equal((s_now, DateTimeKind.Utc), (metric.CreatedAt, metric.CreatedAt.Kind));
        }
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Jobs_NewestFirstAfterACursor_AreAllSeenOnce(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        await using TrainingDbContext db = storage.CreateContext();
        // Whole and fractional seconds: SQLite compares their texts. Two share one moment.
        int[] milliseconds = [0, 5, 50, 450, 500, 500, 999, 1000];
        db.Jobs.AddRange(milliseconds.Select((ms, i) => Job($"ftjob-{i}", new DateTime(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc).AddMilliseconds(ms))));
        await db.SaveChangesAsync();

        List<string> seen = [];
        FineTuningJob? cursor = null;
        do
        {
            IQueryable<FineTuningJob> query = db.Jobs.OrderByDescending(j => j.CreatedAt).ThenByDescending(j => j.Id);
            if (cursor is { } after)
                query = query.Where(j => j.CreatedAt < after.CreatedAt || (j.CreatedAt == after.CreatedAt && string.Compare(j.Id, after.Id) < 0));
            List<FineTuningJob> page = await query.Take(3).ToListAsync();
            seen.AddRange(page.Select(j => j.Id));
            cursor = page.LastOrDefault();
        }
        while (cursor is not null);

        Assert.Equal(["ftjob-7", "ftjob-6", "ftjob-5", "ftjob-4", "ftjob-3", "ftjob-2", "ftjob-1", "ftjob-0"], seen);
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Change_DecidedOnAClaimedRow_IsDecidedAgain(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        await using TrainingDbContext db = storage.CreateContext();
        db.Add(Job("ftjob-1"));
        await db.SaveChangesAsync();

        List<JobStatus> decidedOn = [];
        await db.ChangeJobAsync("ftjob-1", job =>
        {
            decidedOn.Add(job.Status);
            if (decidedOn.Count == 1)
            {
                // A worker claims the job between the reading and the saving.
                using TrainingDbContext worker = storage.CreateContext();
                worker.Jobs.ExecuteUpdate(s => s.SetProperty(j => j.Status, JobStatus.Running).SetProperty(j => j.LeaseEpoch, j => j.LeaseEpoch + 1));
            }
            job.Cancel(s_now);
            return [Event("ftjob-1", "cancel asked")];
        }, CancellationToken.None);

        Assert.Equal([JobStatus.Queued, JobStatus.Running], decidedOn);
        FineTuningJob saved = await db.Jobs.AsNoTracking().SingleAsync();
        Assert.Equal((JobStatus.Running, true), (saved.Status, saved.CancelRequested));
        Assert.Single(await db.Events.ToListAsync());
    }

    [Fact]
    public async Task Events_OfConcurrentWriters_CommitInTheOrderOfTheirSequence()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Postgres);
        await using (TrainingDbContext db = storage.CreateContext())
        {
            db.Add(Job("ftjob-1"));
            await db.SaveChangesAsync();
        }

        const int Writers = 8, Each = 25;
        Task writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(w => Task.Run(async () =>
        {
            for (int i = 0; i < Each; i++)
            {
                await using TrainingDbContext db = storage.CreateContext();
                await db.ChangeJobAsync("ftjob-1", _ => [Event("ftjob-1", $"{w}/{i}")], CancellationToken.None);
            }
        })));

        // The reader keeps its cursor and never looks back, as the event stream does.
        List<string> seen = [];
        long cursor = 0;
        while (true)
        {
            bool last = writing.IsCompleted;
            await using TrainingDbContext db = storage.CreateContext();
            List<JobEvent> page = await db.Events.Where(e => e.JobId == "ftjob-1" && e.Sequence > cursor).OrderBy(e => e.Sequence).ToListAsync();
            seen.AddRange(page.Select(e => e.Message));
            if (page.Count > 0) cursor = page[^1].Sequence;
            if (last) break;
        }
        await writing;
        Assert.Equal(Writers * Each, seen.Distinct().Count());
        Assert.Equal(Writers * Each, seen.Count);
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Event_ToldTwice_StandsOnce(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        await using TrainingDbContext db = storage.CreateContext();
        db.Add(Job("ftjob-1"));
        await db.SaveChangesAsync();
        for (int i = 0; i < 2; i++)
            await db.ChangeJobAsync("ftjob-1", _ => [Event("ftjob-1", "step-10-train"), Event("ftjob-1", $"attempt-{i}")], CancellationToken.None);
        Assert.Equal(["step-10-train", "attempt-0", "attempt-1"], await db.Events.OrderBy(e => e.Sequence).Select(e => e.Message).ToListAsync());
    }
}
