using System.IO.Compression;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;
using TrainingService.Tests;

namespace TrainingService.Storage.Tests.Models;

public sealed class ModelCatalogTests(PostgresServer server)
{
    private static readonly DateTime s_now = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task TunedModels_ResolveToTheBaseOfTheirChain(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        string first = await Succeed(storage, "ftjob-1", "demo-model");
        string second = await Succeed(storage, "ftjob-2", first);
        await using (TrainingDbContext db = storage.CreateContext())
        {
            db.Add(new JobCheckpoint("ftckpt_1", "ftjob-2", 10, TunedModelName.Checkpoint(second, 10), "jobs/ftjob-2/adapter.zip", "{}", s_now));
            await db.SaveChangesAsync();
        }

        var catalog = storage.Get<ModelCatalog>();
        foreach ((string id, string job) in new[] { (first, "ftjob-1"), (second, "ftjob-2"), (TunedModelName.Checkpoint(second, 10), "ftjob-2") })
        {
            ModelSource source = (await catalog.FindAsync(id, Caller.Service, CancellationToken.None))!;
            Assert.Equal((id, "demo-model", RepositoryRoot.PathOf("samples", "demo-model")), (source.Id, source.BaseId, source.Folder));
            Assert.Equal(job, File.ReadAllText(Path.Combine(source.AdapterFolder!, "adapter_config.json")));
            Assert.True(await catalog.ExistsAsync(id, Caller.Service, CancellationToken.None));
        }
        Assert.Null(await catalog.FindAsync("ft:demo-model:local:mine:absent", Caller.Service, CancellationToken.None));
        Assert.Null(await catalog.FindAsync("absent", Caller.Service, CancellationToken.None));
    }

    [Fact]
    public async Task Adapter_WantedByManyAtOnce_IsUnpackedOnce()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Sqlite);
        string tuned = await Succeed(storage, "ftjob-1", "demo-model");
        var catalog = storage.Get<ModelCatalog>();
        ModelSource?[] sources = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => catalog.FindAsync(tuned, Caller.Service, CancellationToken.None))));
        string folder = Assert.Single(sources.Select(s => s!.AdapterFolder!).Distinct());
        Assert.Equal([folder], Directory.GetDirectories(Path.GetDirectoryName(folder)!));
    }

    private static async Task<string> Succeed(TestStorage storage, string jobId, string model)
    {
        string key = $"jobs/{jobId}/adapter.zip";
        await using (FileStoreWriter writer = storage.Get<IFileStore>().Create(key))
        {
            using (var zip = new ZipArchive(writer, ZipArchiveMode.Create, leaveOpen: true))
            using (var entry = new StreamWriter(zip.CreateEntry("adapter_config.json").Open()))
                entry.Write(jobId);
            await writer.CommitAsync(CancellationToken.None);
        }
        string name = TunedModelName.Of(model, "mine", jobId);
        await using TrainingDbContext db = storage.CreateContext();
        var job = new FineTuningJob(jobId, model, "file-train", null, "{}", 7, "mine", null, s_now);
        db.Add(job);
        db.Entry(job).Property(j => j.Status).CurrentValue = JobStatus.Running;
        job.Succeed(name, key, [], s_now);
        await db.SaveChangesAsync();
        return name;
    }
}
