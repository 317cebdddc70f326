using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Hub;
using TrainingService.Storage.Models;
using TrainingService.Storage.Queue;
using TrainingService.Tests;
using TrainingService.Worker.Downloads;
using TrainingService.Worker.Hosting;
using TrainingService.Worker.Jobs;
using TrainingService.Worker.Tests.Jobs;

namespace TrainingService.Worker.Tests.Downloads;

/// <summary>Downloads as rows that workers claim, from a hub in the tests' process.</summary>
public sealed class ModelDownloaderTests(PostgresServer server) : IAsyncLifetime
{
    private const string Model = "acme/tiny";
    private const string Weights = "model.safetensors";
    private const int PartBytes = 40_000;

    private readonly WorkerOptions _options = new() { FlushInterval = TimeSpan.FromMilliseconds(50), LeaseDuration = TimeSpan.FromSeconds(5) };
    private FakeHub _hub = null!;
    private FakeHub.Repository _tiny = null!;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        _tiny = _hub.AddFolder(Model, RepositoryRoot.PathOf("samples", "demo-model"));
    }

    public ValueTask DisposeAsync() => _hub.DisposeAsync();

    private Task<TestStorage> StartAsync(StorageProvider provider = StorageProvider.Sqlite) => TestStorage.StartAsync(server, provider, Configure);

    private void Configure(HostApplicationBuilder builder)
    {
        builder.Configuration["HF_ENDPOINT"] = _hub.Endpoint.AbsoluteUri;
        builder.Configuration["Hub:PartBytes"] = $"{PartBytes}";
        builder.Configuration["Hub:Connections"] = "1";
        builder.Services.AddSingleton(Options.Create(_options));
        builder.Services.AddTransient<IModelDownloader, ModelDownloader>();
    }

    private async Task AddAsync(TestStorage storage)
    {
        await using TrainingDbContext db = storage.CreateContext();
        db.Add(new ModelDownload(Model, "main", _tiny.Commit, _tiny.Files.Sum(f => (long)f.Value.Length), null, TimeProvider.System.GetUtcNow().UtcDateTime));
        await db.SaveChangesAsync();
    }

    private static async Task<ModelDownload> ReadAsync(TestStorage storage)
    {
        await using TrainingDbContext db = storage.CreateContext();
        return await db.ModelDownloads.AsNoTracking().SingleAsync();
    }

    private static async Task ChangeAsync(TestStorage storage, Action<ModelDownload> change)
    {
        await using TrainingDbContext db = storage.CreateContext();
        change(await db.ModelDownloads.SingleAsync());
        await db.SaveChangesAsync();
    }

    private static Task RunAsync(TestStorage storage, CancellationToken cancellationToken = default) => storage.Get<IModelDownloader>().RunAsync(Model, cancellationToken);

    private static string ModelsFolder(TestStorage storage) => Path.Combine(storage.Folder, "models");

    private static string Incoming(TestStorage storage) => Path.Combine(ModelsFolder(storage), ".incoming", "acme--tiny");

    /// <summary>Holds the store's answers from the given one of the weights on, until it is let go.</summary>
    private TaskCompletionSource HoldAt(int answer)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _hub.BeforeStore = async context =>
        {
            if (_hub.RequestsOf(Weights).Length < answer) return;
            reached.TrySetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { });
        };
        return reached;
    }

    private static async Task WaitAsync(TestStorage storage, Func<ModelDownload, bool> until)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!until(await ReadAsync(storage))) await Task.Delay(20, patience.Token);
    }

    private void AssertThere(TestStorage storage)
    {
        ModelSource source = storage.Get<ModelFolder>().Find(Model)!;
        foreach ((string name, byte[] content) in _tiny.Files) Assert.Equal(content, File.ReadAllBytes(Path.Combine(source.Folder, name)));
        Assert.Equal(_tiny.Files.Keys.Append(".hub.json").Order(StringComparer.Ordinal), Directory.EnumerateFiles(source.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal)!);
        Assert.Equal(new HubOrigin(Model, "main", _tiny.Commit), HubOrigin.Read(source.Folder));
        Assert.False(Directory.Exists(Incoming(storage)));
    }

    [Theory, InlineData(StorageProvider.Sqlite), InlineData(StorageProvider.Postgres)]
    public async Task StoppedWorkersDownload_IsFinishedByTheNext_AndAppearsWhole(StorageProvider provider)
    {
        await using TestStorage storage = await StartAsync(provider);
        await AddAsync(storage);
        TaskCompletionSource reached = HoldAt(3);
        Task run = RunAsync(storage);
        await reached.Task;
        Assert.Null(storage.Get<ModelFolder>().Find(Model));
        await WaitAsync(storage, d => d.BytesDone >= 2 * PartBytes);
        Assert.Equal(ModelDownloadStatus.Running, (await ReadAsync(storage)).Status);

        storage.Get<IHostApplicationLifetime>().StopApplication();
        await WaitAsync(storage, d => d.Status == ModelDownloadStatus.Queued);
        // The queue's own token ends the call, which goes back into the queue then.
        Assert.False(run.IsCompleted);

        _hub.BeforeStore = _ => Task.CompletedTask;
        _hub.Forget();
        using IHost next = TestStorage.Build(storage.Configuration, Configure);
        await next.Services.GetRequiredService<IModelDownloader>().RunAsync(Model, CancellationToken.None);
        ModelDownload download = await ReadAsync(storage);
        Assert.Equal((ModelDownloadStatus.Succeeded, null), (download.Status, download.ErrorMessage));
        Assert.Equal(download.BytesTotal, download.BytesDone);
        AssertThere(storage);
        // What was there was not asked for again.
        Assert.Empty(_hub.RequestsOf("tokenizer.json"));
        Assert.Equal($"bytes={2 * PartBytes}-{3 * PartBytes - 1}", _hub.RequestsOf(Weights)[0].Range);
    }

    [Fact]
    public async Task DeletedModel_LeavesNothing_UnlessItIsAnotherByNow()
    {
        await using TestStorage storage = await StartAsync();
        await AddAsync(storage);
        foreach (bool isReplaced in new[] { false, true })
        {
            await RunAsync(storage);
            AssertThere(storage);
            string origin = Path.Combine(storage.Get<ModelFolder>().Find(Model)!.Folder, ".hub.json");
            if (isReplaced) File.WriteAllText(origin, File.ReadAllText(origin).Replace(_tiny.Commit, new string('0', 40), StringComparison.Ordinal));
            await ChangeAsync(storage, d => d.Cancel());
            await RunAsync(storage);
            Assert.Equal((ModelDownloadStatus.Cancelled, 0), ((await ReadAsync(storage)).Status, (await ReadAsync(storage)).BytesDone));
            Assert.Equal(isReplaced, storage.Get<ModelFolder>().Find(Model) is not null);
            Assert.False(Directory.Exists(Incoming(storage)));
            await ChangeAsync(storage, d => d.Restart("main", _tiny.Commit, d.BytesTotal, null, d.CreatedAt));
        }
    }

    [Fact]
    public async Task DeadWorkersDownload_IsTakenOver_OnceItsLeaseHasLapsed()
    {
        await using TestStorage storage = await StartAsync();
        await AddAsync(storage);
        var clock = new ShiftedClock();
        Assert.NotNull(await DownloadLease.TryClaimAsync(storage.Get<IDbContextFactory<TrainingDbContext>>(), clock, TimeSpan.FromMinutes(1), Model, CancellationToken.None));
        await RunAsync(storage);
        Assert.Empty(_hub.Requests);

        await using (TrainingDbContext db = storage.CreateContext())
            await db.ModelDownloads.ExecuteUpdateAsync(set => set.SetProperty(d => d.LeaseExpiresAt, clock.GetUtcNow().UtcDateTime.AddSeconds(-1)));
        await new JobSweeper(storage.Get<IDbContextFactory<TrainingDbContext>>(), storage.Get<IJobQueue>(), storage.Get<IFileStore>(), Options.Create(_options), TimeProvider.System, NullLogger<JobSweeper>.Instance)
            .SweepAsync(CancellationToken.None);
        Assert.Equal([Model], storage.Get<IJobQueue>().List().Waiting);
        await RunAsync(storage);
        Assert.Equal(ModelDownloadStatus.Succeeded, (await ReadAsync(storage)).Status);
        AssertThere(storage);
    }

    [Fact]
    public async Task FolderThatAnotherHolds_IsLeftAlone()
    {
        await using TestStorage storage = await StartAsync();
        await AddAsync(storage);
        using (StagingFolder held = StagingFolder.TryOpen(ModelsFolder(storage), Model)!)
        {
            Assert.Null(StagingFolder.TryOpen(ModelsFolder(storage), Model));
            await RunAsync(storage);
            Assert.Equal(ModelDownloadStatus.Queued, (await ReadAsync(storage)).Status);
            Assert.Empty(_hub.Requests);
        }
        await RunAsync(storage);
        AssertThere(storage);
    }

    [Fact]
    public async Task CancelledDownload_LeavesNothing()
    {
        await using TestStorage storage = await StartAsync();
        await AddAsync(storage);
        TaskCompletionSource reached = HoldAt(3);
        Task run = RunAsync(storage);
        await reached.Task;
        Assert.NotEmpty(Directory.EnumerateFiles(Incoming(storage), "*", SearchOption.AllDirectories));
        await ChangeAsync(storage, d => d.Cancel());
        await run;
        ModelDownload download = await ReadAsync(storage);
        Assert.Equal((ModelDownloadStatus.Cancelled, 0), (download.Status, download.BytesDone));
        Assert.False(Directory.Exists(Incoming(storage)));
        Assert.Null(storage.Get<ModelFolder>().Find(Model));
    }

    [Fact]
    public async Task FailedDownload_KeepsWhatArrived_UntilItIsAskedAgainOrCancelled()
    {
        await using TestStorage storage = await StartAsync();
        await AddAsync(storage);
        _hub.BeforeStore = _ =>
        {
            if (_hub.RequestsOf(Weights).Length == 3) _hub.StoreFaults.Enqueue(FakeHub.Refuse(404));
            return Task.CompletedTask;
        };
        await RunAsync(storage);
        ModelDownload failed = await ReadAsync(storage);
        Assert.Equal((ModelDownloadStatus.Failed, HubErrorCodes.Unavailable), (failed.Status, failed.ErrorCode));
        Assert.Contains("answers 404", failed.ErrorMessage);

        await ChangeAsync(storage, d => d.Restart("main", _tiny.Commit, d.BytesTotal, null, d.CreatedAt));
        _hub.Forget();
        await RunAsync(storage);
        Assert.Equal(ModelDownloadStatus.Failed, (await ReadAsync(storage)).Status);
        Assert.Empty(_hub.RequestsOf("tokenizer.json"));

        await ChangeAsync(storage, d => d.Cancel());
        await RunAsync(storage);
        Assert.Equal(ModelDownloadStatus.Cancelled, (await ReadAsync(storage)).Status);
        Assert.False(Directory.Exists(Incoming(storage)));
    }

    [Fact]
    public async Task ModelThatWasPutThereMeanwhile_IsNotOverwritten()
    {
        await using TestStorage storage = await StartAsync();
        await AddAsync(storage);
        string folder = Directory.CreateDirectory(Path.Combine(ModelsFolder(storage), "acme", "tiny")).FullName;
        await RunAsync(storage);
        Assert.Contains("is there already", (await ReadAsync(storage)).ErrorMessage);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
    }
}
