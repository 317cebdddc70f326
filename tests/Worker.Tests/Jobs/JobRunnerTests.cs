using System.IO.Compression;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Domain.Files;
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

public sealed class JobRunnerTests(PostgresServer server)
{
    private static readonly TrainingRecipe s_short = DemoJobs.Recipe with { MaxSteps = 4, SaveStrategy = IntervalStrategy.No };

    private Task<TestStorage> StartAsync(StorageProvider provider, Action<WorkerOptions>? configure = null) =>
        TestStorage.StartAsync(server, provider, builder =>
        {
            builder.Services.AddJobRunner();
            builder.Services.Configure<WorkerOptions>(options =>
            {
                options.FlushInterval = TimeSpan.FromMilliseconds(50);
                options.RetryDelay = TimeSpan.Zero;
                configure?.Invoke(options);
            });
        });

    private static Task RunAsync(TestStorage storage, string jobId, CancellationToken cancellationToken = default) =>
        storage.Get<IJobRunner>().RunAsync(jobId, cancellationToken);

    /// <summary>A run that was stopped in time ends as cancelled; one that was done before just ends.</summary>
    private static async Task EndOfAsync(Task run)
    {
        try
        {
            await run.WaitAsync(TimeSpan.FromMinutes(2));
        }
        catch (OperationCanceledException)
        {
        }
    }

    private static async Task<List<JobEvent>> EventsAsync(TestStorage storage, string jobId)
    {
        await using TrainingDbContext db = storage.CreateContext();
        return await db.Events.Where(e => e.JobId == jobId).OrderBy(e => e.Sequence).ToListAsync();
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Job_RunsToItsAdapter(StorageProvider provider)
    {
        await using TestStorage storage = await StartAsync(provider);
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", DemoJobs.Recipe);
        await RunAsync(storage, id);

        FineTuningJob job = await DemoJobs.ReadAsync(storage, id);
        Assert.Equal((JobStatus.Succeeded, 40, 40, "ft:demo-model:local:concise:1"), (job.Status, job.Step, job.TotalSteps, job.FineTunedModel));
        Assert.True(job.TrainedTokens > 0 && job.PairsPerSecond > 0 && job.LeaseOwner is null && job.StartedAt <= job.FinishedAt);

        await using TrainingDbContext db = storage.CreateContext();
        Assert.Equal(20 + 4, await db.Metrics.CountAsync());
        Assert.Equal([8, 16, 24, 32, 40], await db.Checkpoints.OrderBy(c => c.Step).Select(c => c.Step).ToListAsync());
        List<JobEvent> events = await EventsAsync(storage, id);
        Assert.Contains(events, e => e.Message.StartsWith("Training file checked: 60 rows, 60 pairs", StringComparison.Ordinal));
        Assert.Contains(events, e => e.Message.StartsWith("Step 10/40: training loss=", StringComparison.Ordinal) && e.Data!.Contains("\"rewards/margins\"", StringComparison.Ordinal));
        Assert.Contains(events, e => e.Message.StartsWith("Step 10/40: validation loss=", StringComparison.Ordinal));
        Assert.Equal("The job has succeeded; the tuned model is ft:demo-model:local:concise:1.", events[^1].Message);

        List<StoredFile> results = await db.Files.Where(f => f.Purpose == FilePurpose.FineTuneResults).OrderBy(f => f.Filename).ToListAsync();
        Assert.Equal(job.ResultFiles.Order(), results.Select(f => f.Id).Order());
        Assert.Equal(["ftjob-1-adapter.zip", "ftjob-1-manifest.json", "ftjob-1-metrics.csv", "ftjob-1-metrics.jsonl", "ftjob-1-training_args.json"], results.Select(f => f.Filename));
        using (var zip = new ZipArchive(storage.Get<IFileStore>().OpenRead(results[0].StorageKey)))
        {
            Assert.Equal(["README.md", "adapter_config.json", "adapter_model.safetensors", "curves.svg"], zip.Entries.Select(e => e.Name).Order(StringComparer.Ordinal));
            Assert.All(zip.Entries, e => Assert.Equal(e.Length, e.CompressedLength));
        }
        using var csv = new StreamReader(storage.Get<IFileStore>().OpenRead(results[2].StorageKey));
        string[] lines = (await csv.ReadToEndAsync()).TrimEnd('\n').Split('\n');
        Assert.Equal(1 + 24, lines.Length);
        Assert.StartsWith("step,split,epoch,", lines[0], StringComparison.Ordinal);
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Job_StoppedAndResumedAgainAndAgain_EqualsAnUndisturbedOne(StorageProvider provider)
    {
        await using TestStorage storage = await StartAsync(provider);
        await DemoJobs.AddAsync(storage, "ftjob-whole", DemoJobs.Recipe);
        await RunAsync(storage, "ftjob-whole");

        await DemoJobs.AddAsync(storage, "ftjob-parts", DemoJobs.Recipe);
        int stops = 0;
        for (int step = 3; await DemoJobs.ReadAsync(storage, "ftjob-parts") is { IsFinal: false }; step += 7)
        {
            using var stopping = new CancellationTokenSource();
            Task run = Task.Run(() => RunAsync(storage, "ftjob-parts", stopping.Token));
            await DemoJobs.WaitForStepAsync(storage, "ftjob-parts", step, run);
            await stopping.CancelAsync();
            await EndOfAsync(run);
            if (await DemoJobs.ReadAsync(storage, "ftjob-parts") is { Status: JobStatus.Queued, LeaseOwner: null }) stops++;
        }

        Assert.True(stops >= 2, $"The job was stopped {stops} times only.");
        Assert.Equal(await DemoJobs.OutcomeAsync(storage, "ftjob-whole"), await DemoJobs.OutcomeAsync(storage, "ftjob-parts"));
        Assert.Equal(stops, (await EventsAsync(storage, "ftjob-parts")).Count(e => e.Message.StartsWith("A worker took the job over after step", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Job_WhoseWorkerVanishedWithoutATrace_IsTakenOverFromTheLastState()
    {
        // The lease of the first claim is so short that it lapses by itself once the database is away: the run stops
        // without writing, as a killed process would, and leaves the state of its last checkpoint.
        await using TestStorage storage = await StartAsync(StorageProvider.Postgres, options => options.LeaseDuration = TimeSpan.FromSeconds(2));
        string database = storage.Configuration["Storage:ConnectionString"]!;
        await DemoJobs.AddAsync(storage, "ftjob-whole", DemoJobs.Recipe);
        await RunAsync(storage, "ftjob-whole");

        TrainingRecipe recipe = DemoJobs.Recipe;
        await DemoJobs.AddAsync(storage, "ftjob-lost", recipe);
        Task run = Task.Run(() => RunAsync(storage, "ftjob-lost"));
        await DemoJobs.WaitForStepAsync(storage, "ftjob-lost", 10, run);
        await server.DisconnectAsync(database);
        await run.WaitAsync(TimeSpan.FromMinutes(2));
        await server.ReconnectAsync(database);

        FineTuningJob lost = await DemoJobs.ReadAsync(storage, "ftjob-lost");
        Assert.Equal(JobStatus.Running, lost.Status);
        await RunAsync(storage, "ftjob-lost");
        Assert.Equal(2, (await DemoJobs.ReadAsync(storage, "ftjob-lost")).LeaseEpoch);
        Assert.Equal(await DemoJobs.OutcomeAsync(storage, "ftjob-whole"), await DemoJobs.OutcomeAsync(storage, "ftjob-lost"));
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Cancel_EndsARunningJob(StorageProvider provider)
    {
        await using TestStorage storage = await StartAsync(provider);
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", DemoJobs.Recipe with { MaxSteps = 100_000 });
        Task run = Task.Run(() => RunAsync(storage, id));
        await DemoJobs.WaitForStepAsync(storage, id, 2, run);
        await using (TrainingDbContext db = storage.CreateContext())
            await db.ChangeJobAsync(id, job => { job.Cancel(TimeProvider.System.GetUtcNow().UtcDateTime); return []; }, CancellationToken.None);
        await run.WaitAsync(TimeSpan.FromSeconds(60));

        FineTuningJob job = await DemoJobs.ReadAsync(storage, id);
        Assert.Equal((JobStatus.Cancelled, null, true), (job.Status, job.LeaseOwner, job.FinishedAt is not null));
        Assert.StartsWith("The job was cancelled after step", (await EventsAsync(storage, id))[^1].Message, StringComparison.Ordinal);
        await RunAsync(storage, id);
        Assert.Equal(job.LeaseEpoch, (await DemoJobs.ReadAsync(storage, id)).LeaseEpoch);
    }

    [Fact]
    public async Task Pause_HoldsARunningJob_UntilItIsResumed()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Postgres);
        await DemoJobs.AddAsync(storage, "ftjob-whole", DemoJobs.Recipe);
        await RunAsync(storage, "ftjob-whole");
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", DemoJobs.Recipe);
        Task run = Task.Run(() => RunAsync(storage, id));
        await DemoJobs.WaitForStepAsync(storage, id, 2, run);
        await using TrainingDbContext db = storage.CreateContext();
        await db.ChangeJobAsync(id, job => { job.Pause(); return []; }, CancellationToken.None);
        await run.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(JobStatus.Paused, (await DemoJobs.ReadAsync(storage, id)).Status);
        await RunAsync(storage, id);
        Assert.Equal(JobStatus.Paused, (await DemoJobs.ReadAsync(storage, id)).Status);

        await db.ChangeJobAsync(id, job => { job.Resume(); return []; }, CancellationToken.None);
        await RunAsync(storage, id);
        Assert.Equal(await DemoJobs.OutcomeAsync(storage, "ftjob-whole"), await DemoJobs.OutcomeAsync(storage, id));
    }

    [Fact]
    public async Task Job_FromATunedModel_GoesOnWithItsAdapter()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        await RunAsync(storage, await DemoJobs.AddAsync(storage, "ftjob-1", s_short with { Lora = new() { Rank = 12, UseRsLora = true, TargetModules = ["o_proj"] } }));
        string tuned = (await DemoJobs.ReadAsync(storage, "ftjob-1")).FineTunedModel!;
        await RunAsync(storage, await DemoJobs.AddAsync(storage, "ftjob-2", s_short with { LearningRate = 1e-9 }, model: tuned));

        ModelCatalog models = storage.Get<ModelCatalog>();
        ModelSource first = (await models.FindAsync(tuned, Caller.Service, CancellationToken.None))!;
        ModelSource second = (await models.FindAsync((await DemoJobs.ReadAsync(storage, "ftjob-2")).FineTunedModel!, Caller.Service, CancellationToken.None))!;
        Assert.Equal((first.Folder, "demo-model"), (second.Folder, second.BaseId));
        Assert.Contains("\"base_model_name_or_path\": \"demo-model\"", File.ReadAllText(Path.Combine(second.AdapterFolder!, "adapter_config.json")), StringComparison.Ordinal);
        // Its reports tell of the adapter as it is, whatever the job's own settings are.
        string card = File.ReadAllText(Path.Combine(second.AdapterFolder!, "README.md"));
        Assert.Contains("--max-lora-rank 12", card, StringComparison.Ordinal);
        Assert.Contains("\"use_rslora\": true", card, StringComparison.Ordinal);
        // At such a rate the second adapter is the first one, all but unchanged.
        byte[] a = File.ReadAllBytes(Path.Combine(first.AdapterFolder!, "adapter_model.safetensors")), b = File.ReadAllBytes(Path.Combine(second.AdapterFolder!, "adapter_model.safetensors"));
        int header = 8 + (int)BitConverter.ToInt64(a);
        Assert.Equal(a.Length, b.Length);
        float[] before = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(a.AsSpan(header)).ToArray(), after = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(b.AsSpan(header)).ToArray();
        Assert.True(before.Zip(after).Max(p => Math.Abs(p.First - p.Second)) < 1e-6);
        Assert.Contains(before, v => v != 0);
    }

    [Fact]
    public async Task Job_OfAModelThatIsGone_FailsInWords()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        await RunAsync(storage, await DemoJobs.AddAsync(storage, "ftjob-1", s_short, model: "absent"));
        FineTuningJob job = await DemoJobs.ReadAsync(storage, "ftjob-1");
        Assert.Equal((JobStatus.Failed, "model_not_found", "model"), (job.Status, job.ErrorCode, job.ErrorParam));
        Assert.Contains("'absent'", job.ErrorMessage);
        Assert.Equal("error", (await EventsAsync(storage, "ftjob-1"))[^1].Level);
    }

    [Fact]
    public async Task Job_WhoseRowsAreAllTooLong_FailsInWords()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        await RunAsync(storage, await DemoJobs.AddAsync(storage, "ftjob-1", s_short with { MaxLength = 8, MaxPromptLength = 8 }));
        FineTuningJob job = await DemoJobs.ReadAsync(storage, "ftjob-1");
        Assert.Equal((JobStatus.Failed, "no_usable_rows", "training_file"), (job.Status, job.ErrorCode, job.ErrorParam));
        Assert.Contains("max_length (8)", job.ErrorMessage);
    }

    [Theory, InlineData(TrainingMethod.Dpo), InlineData(TrainingMethod.Orpo)]
    public async Task Job_ThatDiverges_FailsInWords(TrainingMethod method)
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        await RunAsync(storage, await DemoJobs.AddAsync(storage, "ftjob-1", s_short with { Method = method, Lora = new() { Alpha = 1e38 } }));
        FineTuningJob job = await DemoJobs.ReadAsync(storage, "ftjob-1");
        Assert.Equal((JobStatus.Failed, "training_diverged", RecipeJson.HyperparametersParam(method)), (job.Status, job.ErrorCode, job.ErrorParam));
        Assert.Contains("Step ", job.ErrorMessage);
    }

    [Fact]
    public async Task Job_WithAPassingError_IsTriedAgain_ButNotForEver()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", s_short);
        string file = Path.Combine(storage.Folder, "files", "files", "file-ftjob-1-train");
        File.Move(file, file + ".away");
        await RunAsync(storage, id);
        FineTuningJob job = await DemoJobs.ReadAsync(storage, id);
        Assert.Equal((JobStatus.Queued, 1, null), (job.Status, job.AttemptsWithoutProgress, job.LeaseOwner));
        Assert.Equal("warn", (await EventsAsync(storage, id))[^1].Level);

        await RunAsync(storage, id);
        await RunAsync(storage, id);
        job = await DemoJobs.ReadAsync(storage, id);
        Assert.Equal((JobStatus.Failed, "storage_error", 3), (job.Status, job.ErrorCode, job.LeaseEpoch));
    }

    [Fact]
    public async Task Job_WithAPassingError_WaitsLongerEachTime()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite, options => options.RetryDelay = TimeSpan.FromMinutes(1));
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", s_short);
        string file = Path.Combine(storage.Folder, "files", "files", "file-ftjob-1-train");
        File.Move(file, file + ".away");
        foreach (int minutes in new[] { 1, 10 })
        {
            DateTime before = TimeProvider.System.GetUtcNow().UtcDateTime;
            await RunAsync(storage, id);
            Assert.Contains(TimeSpan.FromMinutes(minutes).ToString("g"), (await EventsAsync(storage, id))[^1].Message);
            Assert.InRange((await DemoJobs.ReadAsync(storage, id)).LeaseExpiresAt!.Value - before, TimeSpan.FromMinutes(minutes), TimeSpan.FromMinutes(minutes + 0.9));
            int epoch = (await DemoJobs.ReadAsync(storage, id)).LeaseEpoch;
            await RunAsync(storage, id);
            Assert.Equal(epoch, (await DemoJobs.ReadAsync(storage, id)).LeaseEpoch);
            await using TrainingDbContext db = storage.CreateContext();
            await db.Jobs.ExecuteUpdateAsync(set => set.SetProperty(j => j.LeaseExpiresAt, before));
        }
    }

    [Fact]
    public async Task HalfASavedState_IsGoneAtTheNextClaim()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", s_short);
        DirectoryInfo half = Directory.CreateDirectory(Path.Combine(storage.Get<IFileStore>().WorkFolder(id), "states", "step-2-claim-1.tmp"));
        File.WriteAllText(Path.Combine(half.FullName, "trainer_state.safetensors.tmp"), "half");
        await RunAsync(storage, id);
        Assert.Equal(JobStatus.Succeeded, (await DemoJobs.ReadAsync(storage, id)).Status);
        Assert.False(half.Exists && Directory.Exists(half.FullName));
    }

    [Fact]
    public async Task Job_ThatKeepsKillingItsWorker_Fails()
    {
        var clock = new ShiftedClock();
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", s_short);
        for (int crash = 0; crash < 3; crash++)
        {
            // A claim of which nothing more is ever heard.
            Assert.NotNull(await Worker.Jobs.JobLease.TryClaimAsync(storage.Get<IDbContextFactory<TrainingDbContext>>(), clock, TimeSpan.Zero, id, CancellationToken.None));
            await Task.Delay(1);
        }
        await RunAsync(storage, id);
        FineTuningJob job = await DemoJobs.ReadAsync(storage, id);
        Assert.Equal((JobStatus.Failed, "worker_crashed"), (job.Status, job.ErrorCode));
        Assert.Contains("3 times", job.ErrorMessage);
    }

    [Fact]
    public async Task Cancel_OfAJobWhoseWorkerDied_EndsItAtTheNextClaim()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", s_short);
        Assert.NotNull(await Worker.Jobs.JobLease.TryClaimAsync(storage.Get<IDbContextFactory<TrainingDbContext>>(), TimeProvider.System, TimeSpan.Zero, id, CancellationToken.None));
        await using (TrainingDbContext db = storage.CreateContext())
            await db.ChangeJobAsync(id, job => { job.Cancel(TimeProvider.System.GetUtcNow().UtcDateTime); return []; }, CancellationToken.None);
        Assert.Equal(JobStatus.Running, (await DemoJobs.ReadAsync(storage, id)).Status);
        await RunAsync(storage, id);
        Assert.Equal((JobStatus.Cancelled, 0), ((await DemoJobs.ReadAsync(storage, id)).Status, (await DemoJobs.ReadAsync(storage, id)).Step));
    }

    [Fact]
    public async Task State_ThatIsDamaged_CostsTheWorkSinceTheOneBefore()
    {
        await using TestStorage storage = await StartAsync(StorageProvider.Sqlite);
        await DemoJobs.AddAsync(storage, "ftjob-whole", DemoJobs.Recipe);
        await RunAsync(storage, "ftjob-whole");
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", DemoJobs.Recipe);
        using var stopping = new CancellationTokenSource();
        Task run = Task.Run(() => RunAsync(storage, id, stopping.Token));
        await DemoJobs.WaitForStepAsync(storage, id, 18, run);
        await stopping.CancelAsync();
        await EndOfAsync(run);

        DirectoryInfo states = new(Path.Combine(storage.Get<IFileStore>().WorkFolder(id), "states"));
        DirectoryInfo newest = states.GetDirectories().MaxBy(d => int.Parse(d.Name.Split('-')[1]))!;
        FileInfo file = Assert.Single(newest.GetFiles());
        using (FileStream content = file.OpenWrite()) content.SetLength(file.Length / 2);

        await RunAsync(storage, id);
        Assert.Equal((JobStatus.Queued, 1), ((await DemoJobs.ReadAsync(storage, id)).Status, (await DemoJobs.ReadAsync(storage, id)).AttemptsWithoutProgress));
        await RunAsync(storage, id);
        Assert.Equal(await DemoJobs.OutcomeAsync(storage, "ftjob-whole"), await DemoJobs.OutcomeAsync(storage, id));
    }
}
