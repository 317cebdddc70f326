using System.IO.Compression;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Models;

public sealed class DeleteModelTests(PostgresServer postgres)
{
    private static readonly DateTime s_now = new(2026, 5, 1, 12, 0, 0, DateTimeKind.Utc);

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task DeletedModel_IsUnknownEverywhere(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, provider);
        (string job, string name, string checkpoint) = await TrainAsync(server);
        ModelCatalog catalog = server.Services.GetRequiredService<ModelCatalog>();
        string unpacked = (await catalog.FindAsync(name, Caller.Service, CancellationToken.None))!.AdapterFolder!;
        Assert.True(Directory.Exists(unpacked));

        using HttpResponseMessage deletion = await server.Client.DeleteAsync($"/v1/models/{Uri.EscapeDataString(name)}");
        JsonObject answer = await deletion.JsonAsync();
        Assert.Equal(["deleted", "id", "object"], answer.Select(p => p.Key).Order());
        Assert.Equal((name, "model", true), (answer.Text("id"), answer.Text("object"), answer["deleted"]!.GetValue<bool>()));

        Assert.Equal(["demo-model"], (await server.GetAsync("/v1/models")).Ids());
        foreach (string gone in new[] { name, checkpoint })
        {
            using HttpResponseMessage get = await server.Client.GetAsync($"/v1/models/{gone}");
            await get.ErrorAsync(HttpStatusCode.NotFound);
            using HttpResponseMessage again = await server.Client.DeleteAsync($"/v1/models/{gone}");
            await again.ErrorAsync(HttpStatusCode.NotFound);
            Assert.False(await catalog.ExistsAsync(gone, Caller.Service, CancellationToken.None));
            Assert.Null(await catalog.FindAsync(gone, Caller.Service, CancellationToken.None));
        }
        Assert.False(Directory.Exists(unpacked));
        Assert.DoesNotContain(server.StoredPaths(), path => path.EndsWith(".zip", StringComparison.Ordinal) || path.Contains(StableIds.ResultFile(job, "adapter"), StringComparison.Ordinal));
        JsonObject record = await server.GetAsync($"/v1/fine_tuning/jobs/{job}");
        Assert.Equal(("succeeded", name), (record.Text("status"), record.Text("fine_tuned_model")));
        Assert.Equal(["file-metrics"], record["result_files"]!.AsArray().Select(f => f!.GetValue<string>()));
        using HttpResponseMessage adapter = await server.Client.GetAsync($"/v1/fine_tuning/jobs/{job}/adapter");
        Assert.Contains("was deleted", (await adapter.ErrorAsync(HttpStatusCode.NotFound)).Message());
        Assert.Empty((await server.GetAsync($"/v1/fine_tuning/jobs/{job}/checkpoints"))["data"]!.AsArray());
    }

    [Fact]
    public async Task ModelOfAWaitingJob_IsKeptUntilTheJobEnds()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        (_, string name, string checkpoint) = await TrainAsync(server);
        string file = await server.UploadGoodFileAsync();
        using HttpResponseMessage created = await server.CreateJobAsync($$$"""{"model": "{{{checkpoint}}}", "training_file": "{{{file}}}", "method": {"type": "dpo"} }""");
        string waiting = (await created.JsonAsync()).Text("id");
        using HttpResponseMessage refused = await server.Client.DeleteAsync($"/v1/models/{name}");
        Assert.Equal($"Model {checkpoint} is what job {waiting} starts from, which is queued. Cancel the job or wait until it ends.", (await refused.ErrorAsync(HttpStatusCode.Conflict)).Message());

        using HttpResponseMessage cancel = await server.Client.PostAsync($"/v1/fine_tuning/jobs/{waiting}/cancel", null);
        await cancel.JsonAsync();
        using HttpResponseMessage deletion = await server.Client.DeleteAsync($"/v1/models/{name}");
        await deletion.JsonAsync();
    }

    [Fact]
    public async Task ModelThatStartedFromADeletedCheckpoint_StaysWhole()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        (_, _, string checkpoint) = await TrainAsync(server);
        (_, string second, _) = await TrainAsync(server, checkpoint);
        using HttpResponseMessage deletion = await server.Client.DeleteAsync($"/v1/models/{checkpoint}");
        await deletion.JsonAsync();
        ModelSource source = (await server.Services.GetRequiredService<ModelCatalog>().FindAsync(second, Caller.Service, CancellationToken.None))!;
        Assert.Equal("demo-model", source.BaseId);
        Assert.True(Directory.Exists(source.AdapterFolder));
        Assert.Contains(second, (await server.GetAsync("/v1/models")).Ids());
    }

    [Fact]
    public async Task ModelOfTheFolderOrOfAnother_IsNotDeleted()
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite);
        using HttpClient ada = await server.CreateClientAsync(KeyRole.User, "ada"), root = await server.CreateClientAsync(KeyRole.Admin, "root");
        string name = await AddSucceededAsync(server, "ftjob-eve", "eve");
        using HttpResponseMessage others = await ada.DeleteAsync($"/v1/models/{name}");
        using HttpResponseMessage unknown = await ada.DeleteAsync("/v1/models/ft:demo-model:local::no");
        Assert.Equal((await unknown.ErrorAsync(HttpStatusCode.NotFound)).Message().Replace("::no'", "::eve'", StringComparison.Ordinal), (await others.ErrorAsync(HttpStatusCode.NotFound)).Message());
        using HttpResponseMessage folder = await root.DeleteAsync("/v1/models/demo-model");
        Assert.Contains("models folder", (await folder.ErrorAsync(HttpStatusCode.Forbidden)).Message());
        using HttpResponseMessage admin = await root.DeleteAsync($"/v1/models/{name}");
        await admin.JsonAsync();
    }

    [Theory]
    [InlineData("/v1/models")]
    [InlineData("/v1/models/")]
    public async Task DeletionWithoutAnId_DeletesNothing(string path)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        (_, string name, _) = await TrainAsync(server);
        using HttpResponseMessage response = await server.Client.DeleteAsync(path);
        Assert.Equal("unknown_url", (await response.ErrorAsync(HttpStatusCode.NotFound)).Text("code"));
        Assert.Contains(name, (await server.GetAsync("/v1/models")).Ids());
    }

    private static async Task<string> AddSucceededAsync(ApiServer server, string id, string owner)
    {
        var job = new FineTuningJob(id, "demo-model", "file-x", null, """{"hyperparameters": {}, "lora": {}}""", 1, null, null, s_now);
        job.GiveTo(owner);
        string name = TunedModelName.Of("demo-model", null, id);
        await StoreAdapterAsync(server, $"jobs/{id}/adapter.zip");
        await using (TrainingDbContext db = server.CreateContext())
        {
            db.Jobs.Add(job);
            await db.SaveChangesAsync();
        }
        await server.RunAsync(id);
        await server.ChangeAsync(id, j => j.Succeed(name, $"jobs/{id}/adapter.zip", [], s_now));
        return name;
    }

    /// <summary>A job that ended as a worker ends it.</summary>
    private static async Task<(string Job, string Name, string Checkpoint)> TrainAsync(ApiServer server, string model = "demo-model")
    {
        string file = await server.UploadGoodFileAsync();
        using HttpResponseMessage created = await server.CreateJobAsync($$$"""{"model": "{{{model}}}", "training_file": "{{{file}}}", "method": {"type": "dpo"} }""");
        string id = (await created.JsonAsync()).Text("id");
        string name = TunedModelName.Of(model, null, id), checkpoint = TunedModelName.Checkpoint(name, 10);
        string copy = StableIds.ResultFile(id, "adapter");
        foreach (string key in new[] { $"jobs/{id}/adapter.zip", $"jobs/{id}/checkpoint-10.zip", $"files/{copy}" }) await StoreAdapterAsync(server, key);
        await server.RunAsync(id);
        await server.ChangeAsync(id, job => job.Succeed(name, $"jobs/{id}/adapter.zip", [copy, "file-metrics"], s_now));
        await using TrainingDbContext db = server.CreateContext();
        db.Files.Add(new StoredFile(copy, "adapter.zip", FilePurpose.FineTuneResults, 1, $"files/{copy}", s_now));
        db.Checkpoints.Add(new JobCheckpoint(StableIds.Checkpoint(id, 10), id, 10, checkpoint, $"jobs/{id}/checkpoint-10.zip", "{}", s_now));
        await db.SaveChangesAsync();
        return (id, name, checkpoint);
    }

    private static async Task StoreAdapterAsync(ApiServer server, string key)
    {
        await using FileStoreWriter writer = server.Services.GetRequiredService<IFileStore>().Create(key);
        using (var zip = new ZipArchive(writer, ZipArchiveMode.Create, leaveOpen: true))
            zip.CreateEntry("adapter_config.json");
        await writer.CommitAsync(CancellationToken.None);
    }
}
