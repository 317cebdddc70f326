using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Queue;
using TrainingService.Tests;
using TrainingService.Worker.Tests.Jobs;

namespace TrainingService.Worker.Tests.Hosting;

public sealed class WorkerProcessTests(PostgresServer server)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);

    // Long enough that a kill always falls into it.
    private static readonly TrainingRecipe s_recipe = DemoJobs.Recipe with { MaxSteps = 120, LoggingSteps = 1, EvalSteps = 40, SaveSteps = 30 };

    [Fact]
    public async Task Job_WhoseWorkersAreKilled_EqualsAnUndisturbedOne()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Postgres);
        await DemoJobs.AddAsync(storage, "ftjob-killed", s_recipe);
        storage.Get<IJobQueue>().Enqueue("ftjob-killed");
        for (int kill = 0; kill < 3; kill++)
        {
            await using HostProcess worker = await StartWorkerAsync(storage);
            await WaitForStepAsync(storage, worker, "ftjob-killed", 15 + (30 * kill), claim: kill + 1);
            await worker.KillAsync();
            Assert.Equal(JobStatus.Running, (await DemoJobs.ReadAsync(storage, "ftjob-killed")).Status);
        }

        await using HostProcess last = await StartWorkerAsync(storage);
        await WaitForEndAsync(storage, last, "ftjob-killed");
        Assert.Equal(4, (await DemoJobs.ReadAsync(storage, "ftjob-killed")).LeaseEpoch);

        await DemoJobs.AddAsync(storage, "ftjob-whole", s_recipe);
        storage.Get<IJobQueue>().Enqueue("ftjob-whole");
        await WaitForEndAsync(storage, last, "ftjob-whole");
        Assert.Equal(1, (await DemoJobs.ReadAsync(storage, "ftjob-whole")).LeaseEpoch);
        Assert.Equal(await DemoJobs.OutcomeAsync(storage, "ftjob-whole"), await DemoJobs.OutcomeAsync(storage, "ftjob-killed"));

        await using TrainingDbContext db = storage.CreateContext();
        List<JobEvent> resumed = await db.Events.Where(e => e.JobId == "ftjob-killed" && e.Message.StartsWith("A worker took the job over after step")).ToListAsync();
        Assert.NotEmpty(resumed);
    }

    [Fact]
    public async Task Worker_ThatIsTerminated_HandsItsJobOverAtOnce()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Postgres);
        await DemoJobs.AddAsync(storage, "ftjob-1", s_recipe);
        storage.Get<IJobQueue>().Enqueue("ftjob-1");
        await using (HostProcess worker = await StartWorkerAsync(storage))
        {
            await WaitForStepAsync(storage, worker, "ftjob-1", 10, claim: 1);
            using var client = new HttpClient { BaseAddress = worker.Address };
            foreach (string path in (string[])["/health/live", "/health/ready"])
                Assert.Equal("Healthy", await client.GetStringAsync(path));
            Assert.Equal(0, await worker.TerminateAsync());
        }
        FineTuningJob job = await DemoJobs.ReadAsync(storage, "ftjob-1");
        Assert.Equal((JobStatus.Queued, null), (job.Status, job.LeaseOwner));
        Assert.Contains("ftjob-1", storage.Get<IJobQueue>().List().Waiting);

        await using HostProcess next = await StartWorkerAsync(storage);
        await WaitForEndAsync(storage, next, "ftjob-1");
        await using TrainingDbContext db = storage.CreateContext();
        string told = await db.Events.Where(e => e.Message.StartsWith("A worker took the job over after step")).Select(e => e.Message).SingleAsync();
        Assert.Equal($"A worker took the job over after step {job.Step} of 120.", told);
    }

    private static Task<HostProcess> StartWorkerAsync(TestStorage storage)
    {
        Dictionary<string, string> settings = storage.Configuration.ToDictionary(s => s.Key.Replace(":", "__", StringComparison.Ordinal), s => s.Value!);
        settings["Worker__LeaseDuration"] = "00:00:03";
        settings["Worker__StateInterval"] = "00:00:00.200";
        settings["Worker__SweepInterval"] = "00:00:00.500";
        return HostProcess.StartAsync("Worker", settings);
    }

    private static async Task WaitForStepAsync(TestStorage storage, HostProcess worker, string jobId, int step, int claim)
    {
        using var patience = new CancellationTokenSource(s_patience);
        while (await DemoJobs.ReadAsync(storage, jobId) is { IsFinal: false } job && !(job.LeaseEpoch == claim && job.Step >= step))
        {
            Assert.False(patience.IsCancellationRequested, $"Step {step} was not reached. {worker.Output}");
            await Task.Delay(5);
        }
    }

    private static async Task WaitForEndAsync(TestStorage storage, HostProcess worker, string jobId)
    {
        using var patience = new CancellationTokenSource(s_patience);
        while (await DemoJobs.ReadAsync(storage, jobId) is { IsFinal: false })
        {
            Assert.False(patience.IsCancellationRequested, $"The job did not end. {worker.Output}");
            await Task.Delay(50);
        }
    }
}
