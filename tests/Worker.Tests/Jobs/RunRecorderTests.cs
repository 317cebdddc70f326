using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;
using TrainingService.Training.Trainers;
using TrainingService.Worker.Hosting;
using TrainingService.Worker.Jobs;

namespace TrainingService.Worker.Tests.Jobs;

public sealed class RunRecorderTests(PostgresServer server)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private static async Task<JobLease> ClaimAsync(TestStorage storage, TimeSpan duration)
    {
        await using TrainingDbContext db = storage.CreateContext();
        db.Add(new FineTuningJob("ftjob-1", "demo-model", "file-1", null, "{}", 7, null, null, new(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc)));
        await db.SaveChangesAsync();
        return (await JobLease.TryClaimAsync(storage.Get<IDbContextFactory<TrainingDbContext>>(), TimeProvider.System, duration, "ftjob-1", CancellationToken.None))!.Value.Lease;
    }

    private static RunRecorder Record(JobLease lease, CancellationToken stopping = default) =>
        new(lease, new WorkerOptions { FlushInterval = TimeSpan.FromMilliseconds(50) }, TimeProvider.System, NullLogger.Instance, stopping);

    private static void RecordStep(RunRecorder recorder, int step) => recorder.Record(
        new StepMetrics(step, MetricSplit.Train, 0, new Dictionary<string, double> { [MetricNames.Loss] = 1.0 / step }),
        new JobEvent(StableIds.Event("ftjob-1", $"step-{step}"), "ftjob-1", "info", "metrics", $"{step}", null, new(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc)));

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Flush_Returns_OnceAllStandsInTheDatabase(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        await using RunRecorder recorder = Record(await ClaimAsync(storage, TimeSpan.FromMinutes(5)));
        for (int step = 1; step <= 600; step++) RecordStep(recorder, step);
        Assert.True(await recorder.FlushAsync(s_patience));
        await using TrainingDbContext db = storage.CreateContext();
        Assert.Equal(600, await db.Metrics.CountAsync());
        Assert.Equal(Enumerable.Range(1, 600).Select(s => $"{s}"), await db.Events.OrderBy(e => e.Sequence).Select(e => e.Message).ToListAsync());
    }

    [Fact]
    public async Task Database_AwayForLessThanTheLease_LosesNoMetrics()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Postgres);
        string database = storage.Configuration["Storage:ConnectionString"]!;
        await using RunRecorder recorder = Record(await ClaimAsync(storage, TimeSpan.FromMinutes(5)));
        RecordStep(recorder, 1);
        Assert.True(await recorder.FlushAsync(s_patience));

        await server.DisconnectAsync(database);
        for (int step = 2; step <= 20; step++) RecordStep(recorder, step);
        Assert.False(await recorder.FlushAsync(TimeSpan.FromMilliseconds(300)));
        Assert.Equal(TrainingSignal.Continue, recorder.Signal);

        await server.ReconnectAsync(database);
        Assert.True(await recorder.FlushAsync(s_patience));
        await using TrainingDbContext db = storage.CreateContext();
        Assert.Equal(Enumerable.Range(1, 20), await db.Metrics.OrderBy(m => m.Step).Select(m => m.Step).ToListAsync());
        Assert.Equal(20, await db.Events.CountAsync());
    }

    [Fact]
    public async Task Database_AwayUntilTheLeaseLapsed_StopsTheRunWithoutWriting()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Postgres);
        string database = storage.Configuration["Storage:ConnectionString"]!;
        await using RunRecorder recorder = Record(await ClaimAsync(storage, TimeSpan.FromSeconds(1)));
        await server.DisconnectAsync(database);
        RecordStep(recorder, 1);
        await Task.Delay(Timeout.Infinite, recorder.Interrupted).WaitAsync(s_patience).ContinueWith(_ => { });

        Assert.True(recorder.LeaseLost);
        Assert.Equal(TrainingSignal.Cancel, recorder.Signal);
        Assert.False(await recorder.FlushAsync(s_patience));
        await server.ReconnectAsync(database);
        await recorder.CompleteAsync();
        await using TrainingDbContext db = storage.CreateContext();
        Assert.Equal(0, await db.Metrics.CountAsync());
        Assert.Equal(0, await db.Events.CountAsync());
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Lease_IsRenewedWhileNothingIsTold(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        JobLease lease = await ClaimAsync(storage, TimeSpan.FromMinutes(5));
        await using RunRecorder recorder = Record(lease);
        DateTime? first = await ReadAsync(storage, j => j.LeaseExpiresAt);
        DateTime? later = first;
        for (int i = 0; i < 300 && later <= first; i++)
        {
            await Task.Delay(50);
            later = await ReadAsync(storage, j => j.LeaseExpiresAt);
        }
        Assert.True(later > first);
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Cancel_ByTheClient_ReachesTheRun(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        await using RunRecorder recorder = Record(await ClaimAsync(storage, TimeSpan.FromMinutes(5)));
        await using TrainingDbContext db = storage.CreateContext();
        await db.ChangeJobAsync("ftjob-1", job => { job.Pause(); return []; }, CancellationToken.None);
        await Task.Delay(Timeout.Infinite, recorder.Interrupted).WaitAsync(s_patience).ContinueWith(_ => { });
        Assert.Equal(TrainingSignal.Stop, recorder.Signal);
        await db.ChangeJobAsync("ftjob-1", job => { job.Cancel(new(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc)); return []; }, CancellationToken.None);
        Assert.True(await recorder.FlushAsync(s_patience));
        Assert.True(await recorder.FlushAsync(s_patience));
        Assert.Equal(TrainingSignal.Cancel, recorder.Signal);
    }

    [Fact]
    public async Task Host_Stopping_ReachesTheRunAtOnce()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Sqlite);
        using var stopping = new CancellationTokenSource();
        await using RunRecorder recorder = Record(await ClaimAsync(storage, TimeSpan.FromMinutes(5)), stopping.Token);
        Assert.Equal(TrainingSignal.Continue, recorder.Signal);
        stopping.Cancel();
        Assert.Equal(TrainingSignal.Stop, recorder.Signal);
        Assert.True(recorder.Interrupted.IsCancellationRequested);
    }

    private static async Task<T> ReadAsync<T>(TestStorage storage, System.Linq.Expressions.Expression<Func<FineTuningJob, T>> column)
    {
        await using TrainingDbContext db = storage.CreateContext();
        return await db.Jobs.Select(column).SingleAsync();
    }
}
