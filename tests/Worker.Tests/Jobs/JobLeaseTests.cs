using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;
using TrainingService.Training.Trainers;
using TrainingService.Worker.Jobs;

namespace TrainingService.Worker.Tests.Jobs;

public sealed class JobLeaseTests(PostgresServer server)
{
    private static readonly TimeSpan s_duration = TimeSpan.FromMinutes(1);
    private readonly ShiftedClock _clock = new();

    private async Task<TestStorage> StartAsync(StorageProvider provider)
    {
        TestStorage storage = await TestStorage.StartAsync(server, provider);
        await using TrainingDbContext db = storage.CreateContext();
        db.Add(new FineTuningJob("ftjob-1", "demo-model", "file-1", null, "{}", 7, null, null, _clock.GetUtcNow().UtcDateTime));
        await db.SaveChangesAsync();
        return storage;
    }

    private async Task<JobLease?> ClaimAsync(TestStorage storage) =>
        (await JobLease.TryClaimAsync(storage.Get<IDbContextFactory<TrainingDbContext>>(), _clock, s_duration, "ftjob-1", CancellationToken.None))?.Lease;

    private static RunBatch Batch(int step, double loss)
    {
        var batch = new RunBatch { Progress = new(step, 60, step / 20.0, step * 100, 12.5, TimeSpan.FromSeconds(90)) };
        batch.Metrics.Add(new(step, MetricSplit.Train, step / 20.0, new Dictionary<string, double> { [MetricNames.Loss] = loss }));
        batch.Checkpoints.Add(new(step, $"ft:demo-model:local::1:ckpt-step-{step}", "key"));
        batch.Events.Add(new(StableIds.Event("ftjob-1", $"step-{step}-train"), "ftjob-1", "info", "metrics", $"Step {step}/60", null, new(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc)));
        return batch;
    }

    private static async Task<string> SnapshotAsync(TestStorage storage)
    {
        await using TrainingDbContext db = storage.CreateContext();
        return System.Text.Json.JsonSerializer.Serialize(new object[]
        {
            await db.Jobs.ToListAsync(), await db.Metrics.OrderBy(m => m.Step).ToListAsync(), await db.Events.OrderBy(e => e.Sequence).ToListAsync(), await db.Checkpoints.ToListAsync(),
        });
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Claim_ByManyAtOnce_GoesToOne(StorageProvider provider)
    {
        await using TestStorage storage = await StartAsync(provider);
        for (int round = 1; round <= 5; round++)
        {
            JobLease?[] leases = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Task.Run(() => ClaimAsync(storage))));
            Assert.Equal(round, Assert.Single(leases, l => l is not null)!.Epoch);
            _clock.Advance(s_duration + TimeSpan.FromSeconds(1));
        }
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Claim_WhileTheHolderShowsLife_IsRefused(StorageProvider provider)
    {
        await using TestStorage storage = await StartAsync(provider);
        JobLease first = (await ClaimAsync(storage))!;
        _clock.Advance(s_duration * 0.9);
        Assert.False(first.HasLapsed);
        await first.WriteAsync(new(), CancellationToken.None);
        _clock.Advance(s_duration * 0.9);
        Assert.Null(await ClaimAsync(storage));
        Assert.False(first.HasLapsed);
        _clock.Advance(s_duration * 0.2);
        Assert.True(first.HasLapsed);
        Assert.Equal(2, (await ClaimAsync(storage))!.Epoch);
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task StaleEpoch_ChangesNothing(StorageProvider provider)
    {
        await using TestStorage storage = await StartAsync(provider);
        JobLease stale = (await ClaimAsync(storage))!;
        await stale.WriteAsync(Batch(10, 0.6), CancellationToken.None);
        _clock.Advance(s_duration * 2);
        JobLease next = (await ClaimAsync(storage))!;
        await next.WriteAsync(Batch(12, 0.5), CancellationToken.None);

        string before = await SnapshotAsync(storage);
        await Assert.ThrowsAsync<LeaseLostException>(() => stale.WriteAsync(Batch(14, 9), CancellationToken.None));
        await Assert.ThrowsAsync<LeaseLostException>(() => stale.WriteAsync(new() { StateSaved = true }, CancellationToken.None));
        await Assert.ThrowsAsync<LeaseLostException>(() => stale.ChangeAsync(job => { job.HandOver(); return []; }, [], CancellationToken.None));
        Assert.Equal(before, await SnapshotAsync(storage));
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Change_OvertakenByAClaim_ChangesNothing(StorageProvider provider)
    {
        await using TestStorage storage = await StartAsync(provider);
        JobLease stale = (await ClaimAsync(storage))!;
        _clock.Advance(s_duration * 2);
        string? before = null;
        await Assert.ThrowsAsync<LeaseLostException>(() => stale.ChangeAsync(job =>
        {
            // Another worker claims the job after the row was read and before the change is saved.
            Task.Run(async () => { Assert.NotNull(await ClaimAsync(storage)); before = await SnapshotAsync(storage); }).Wait();
            job.Succeed("ft:x", "key", [], _clock.GetUtcNow().UtcDateTime);
            return [new("ftevent-x", "ftjob-1", "info", "message", "succeeded", null, _clock.GetUtcNow().UtcDateTime)];
        }, [], CancellationToken.None));
        Assert.Equal(before, await SnapshotAsync(storage));
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Write_OfWhatStandsAlready_DoublesNothing(StorageProvider provider)
    {
        await using TestStorage storage = await StartAsync(provider);
        JobLease lease = (await ClaimAsync(storage))!;
        await lease.WriteAsync(Batch(10, 0.6), CancellationToken.None);
        _clock.Advance(s_duration * 2);
        lease = (await ClaimAsync(storage))!;
        await lease.WriteAsync(Batch(10, 0.6), CancellationToken.None);
        await lease.WriteAsync(Batch(12, 0.5), CancellationToken.None);

        await using TrainingDbContext db = storage.CreateContext();
        Assert.Equal([(10, 0.6), (12, 0.5)], (await db.Metrics.OrderBy(m => m.Step).ToListAsync()).Select(m => (m.Step, m.Values[MetricNames.Loss])));
        Assert.Equal(["Step 10/60", "Step 12/60"], await db.Events.OrderBy(e => e.Sequence).Select(e => e.Message).ToListAsync());
        Assert.Equal(["""{"step":10,"train_loss":0.6}""", """{"step":12,"train_loss":0.5}"""], await db.Checkpoints.OrderBy(c => c.Step).Select(c => c.Metrics).ToListAsync());
        FineTuningJob job = await db.Jobs.SingleAsync();
        Assert.Equal((12, 0.6, 12.5, 1200L), (job.Step, job.Epoch, job.PairsPerSecond, job.TrainedTokens));
        Assert.True(job.EstimatedFinish > _clock.GetUtcNow().UtcDateTime);
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Wishes_OfTheClient_ComeBackWithAWrite(StorageProvider provider)
    {
        await using TestStorage storage = await StartAsync(provider);
        JobLease lease = (await ClaimAsync(storage))!;
        Assert.Equal(new ClientWishes(false, false), await lease.WriteAsync(new(), CancellationToken.None));
        await using TrainingDbContext db = storage.CreateContext();
        await db.ChangeJobAsync("ftjob-1", job => { job.Pause(); return []; }, CancellationToken.None);
        Assert.Equal(new ClientWishes(false, true), await lease.WriteAsync(new(), CancellationToken.None));
        await db.ChangeJobAsync("ftjob-1", job => { job.Cancel(_clock.GetUtcNow().UtcDateTime); return []; }, CancellationToken.None);
        Assert.Equal(new ClientWishes(true, true), await lease.WriteAsync(new(), CancellationToken.None));
    }

    [Fact]
    public async Task Attempts_AreCountedSinceTheLastSavedState()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        async Task<int> ClaimAndCountAsync(bool saveState)
        {
            (JobLease lease, FineTuningJob job) = (await JobLease.TryClaimAsync(storage.Get<IDbContextFactory<TrainingDbContext>>(), _clock, s_duration, "ftjob-1", CancellationToken.None))!.Value;
            if (saveState) await lease.WriteAsync(new() { StateSaved = true }, CancellationToken.None);
            _clock.Advance(s_duration * 2);
            return job.AttemptsWithoutProgress;
        }
        Assert.Equal(1, await ClaimAndCountAsync(saveState: false));
        Assert.Equal(2, await ClaimAndCountAsync(saveState: true));
        Assert.Equal(1, await ClaimAndCountAsync(saveState: false));
        Assert.Equal(2, await ClaimAndCountAsync(saveState: false));
    }
}
