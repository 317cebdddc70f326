using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;
using TrainingService.Tests;
using TrainingService.Worker.Hosting;

namespace TrainingService.Worker.Tests.Jobs;

/// <summary>save_total_limit, load_best_model_at_end, early stopping and the diagnosis, in jobs that run to their end.</summary>
public sealed class CheckpointLimitTests(PostgresServer server)
{
    private Task<TestStorage> StartAsync(StorageProvider provider) => TestStorage.StartAsync(server, provider, builder =>
    {
        builder.Services.AddJobRunner();
        builder.Services.Configure<WorkerOptions>(options => options.FlushInterval = TimeSpan.FromMilliseconds(50));
    });

    private static async Task<List<JobEvent>> EventsAsync(TestStorage storage, string jobId)
    {
        await using TrainingDbContext db = storage.CreateContext();
        return await db.Events.Where(e => e.JobId == jobId).OrderBy(e => e.Sequence).ToListAsync();
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task SupersededCheckpoints_AreGone_AlsoAfterAPause(StorageProvider provider)
    {
        await using TestStorage storage = await StartAsync(provider);
        TrainingRecipe recipe = DemoJobs.Recipe with { SaveTotalLimit = 2, LoadBestModelAtEnd = true, EvalSteps = 8 };
        await DemoJobs.AddAsync(storage, "ftjob-whole", recipe);
        await storage.Get<IJobRunner>().RunAsync("ftjob-whole", CancellationToken.None);

        await DemoJobs.AddAsync(storage, "ftjob-1", recipe);
        Task run = Task.Run(() => storage.Get<IJobRunner>().RunAsync("ftjob-1", CancellationToken.None));
        await DemoJobs.WaitForStepAsync(storage, "ftjob-1", 20, run);
        await using TrainingDbContext db = storage.CreateContext();
        await db.ChangeJobAsync("ftjob-1", job => { if (!job.IsFinal) job.Pause(); return []; }, CancellationToken.None);
        await run;
        if (await DemoJobs.ReadAsync(storage, "ftjob-1") is { Status: JobStatus.Paused })
        {
            await db.ChangeJobAsync("ftjob-1", job => { job.Resume(); return []; }, CancellationToken.None);
            await storage.Get<IJobRunner>().RunAsync("ftjob-1", CancellationToken.None);
        }
        Assert.Equal(await DemoJobs.OutcomeAsync(storage, "ftjob-whole"), await DemoJobs.OutcomeAsync(storage, "ftjob-1"));

        // The validation loss falls to the end: the best is the newest, and the one before stays.
        Assert.Equal([32, 40], await db.Checkpoints.Where(c => c.JobId == "ftjob-1").OrderBy(c => c.Step).Select(c => c.Step).ToListAsync());
        foreach (int step in new[] { 8, 16, 24, 32, 40 })
        {
            bool kept = step > 24;
            Assert.Equal(kept, storage.Get<IFileStore>().Exists($"jobs/ftjob-1/checkpoint-{step}.zip"));
            Assert.Equal(kept, await storage.Get<ModelCatalog>().ExistsAsync($"ft:demo-model:local:concise:1:ckpt-step-{step}", Caller.Service, CancellationToken.None));
        }
        List<JobEvent> events = await EventsAsync(storage, "ftjob-1");
        Assert.Equal(["The checkpoint of step 8 is deleted: save_total_limit keeps 2.", "The checkpoint of step 16 is deleted: save_total_limit keeps 2.", "The checkpoint of step 24 is deleted: save_total_limit keeps 2."],
            events.Where(e => e.Message.Contains("is deleted", StringComparison.Ordinal)).Select(e => e.Message));
        Assert.Single(events, e => e.Message.StartsWith("The adapter that comes out is that of step 40, where the validation rows' loss was best with 0.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task EarlyStop_TellsMetricPatienceAndTheBest()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        // An improvement by a whole nat is beyond any of these evaluations, so the first one stays the best by the threshold.
        TrainingRecipe recipe = DemoJobs.Recipe with { EvalSteps = 4, EarlyStoppingPatience = 2, EarlyStoppingThreshold = 1, LoadBestModelAtEnd = true, SaveStrategy = IntervalStrategy.No };
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", recipe);
        await storage.Get<IJobRunner>().RunAsync(id, CancellationToken.None);

        Assert.Equal((JobStatus.Succeeded, 12), ((await DemoJobs.ReadAsync(storage, id)).Status, (await DemoJobs.ReadAsync(storage, id)).Step));
        JobEvent told = Assert.Single(await EventsAsync(storage, id), e => e.Message.StartsWith("Training stops after step 12 of 40", StringComparison.Ordinal));
        Assert.Contains("loss has not improved in 2 evaluations", told.Message, StringComparison.Ordinal);
        using JsonDocument data = JsonDocument.Parse(told.Data!);
        Assert.Equal(("loss", 2), (data.RootElement.GetProperty("metric").GetString(), data.RootElement.GetProperty("patience").GetInt32()));
    }

    [Fact]
    public async Task AbsurdLearningRate_IsExplainedOnTheJob_OnceAlsoAfterAStop()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        // Long answers preferred: a policy that has lost its way makes them the less likely ones.
        string rows = string.Join('\n', File.ReadLines(RepositoryRoot.PathOf("samples", "concise-train.jsonl")).Take(60))
            .Replace("\"non_preferred_output\"", "\"other\"", StringComparison.Ordinal).Replace("\"preferred_output\"", "\"non_preferred_output\"", StringComparison.Ordinal)
            .Replace("\"other\"", "\"preferred_output\"", StringComparison.Ordinal);
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", training: rows, validation: null, recipe: DemoJobs.Recipe with { EvalStrategy = IntervalStrategy.No, LearningRate = 0.5, WarmupSteps = 0, Beta = 0.5, LearningRateSchedule = LearningRateSchedule.Constant });
        using var stopping = new CancellationTokenSource();
        Task run = Task.Run(() => storage.Get<IJobRunner>().RunAsync(id, stopping.Token));
        await DemoJobs.WaitForStepAsync(storage, id, 20, run);
        await stopping.CancelAsync();
        try { await run; } catch (OperationCanceledException) { }
        await storage.Get<IJobRunner>().RunAsync(id, CancellationToken.None);

        JobEvent[] told = [.. (await EventsAsync(storage, id)).Where(e => e.Level == "warn" && e.Data is not null)];
        JobEvent rate = Assert.Single(told, e => e.Data!.Contains("\"learning_rate_too_high\"", StringComparison.Ordinal));
        Assert.Contains("The learning rate of 0.5 may be too high for this adapter", rate.Message, StringComparison.Ordinal);
        using JsonDocument data = JsonDocument.Parse(rate.Data!);
        Assert.Equal(0.5, data.RootElement.GetProperty("numbers").GetProperty("learning_rate").GetDouble());
        Assert.Contains("Try a learning_rate of 0.05 to", data.RootElement.GetProperty("suggestion").GetString(), StringComparison.Ordinal);
        Assert.Single(told, e => e.Data!.Contains("\"length_bias\"", StringComparison.Ordinal));
    }
}
