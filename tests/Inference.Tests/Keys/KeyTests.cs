using System.IO.Compression;
using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Keys;
using TrainingService.Inference.Tests.Forwarding;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Keys;
using TrainingService.Tests;

namespace TrainingService.Inference.Tests.Keys;

/// <summary>A worker's own port is no back door: it asks for keys as the API does.</summary>
public sealed class KeyTests : IAsyncLifetime
{
    private const string Tuned = "ft:tiny:local::1", Checkpoint = Tuned + ":ckpt-step-2";

    private InferenceServer _worker = null!;

    public async ValueTask InitializeAsync() => _worker = await InferenceServer.StartAsync(("Api:AllowAnonymous", "false"));

    public async ValueTask DisposeAsync() => await _worker.DisposeAsync();

    [Fact]
    public async Task Worker_RefusesWhomTheApiWouldRefuse()
    {
        foreach (string path in new[] { "/v1/chat/completions", "/v1/completions" })
        {
            using HttpResponseMessage missing = await AskAsync(null, path), unknown = await AskAsync("sk-unknown", path), reader = await AskAsync(await KeyAsync(KeyRole.ReadOnly, "ada"), path);
            Assert.Equal("missing_api_key", (await missing.ErrorAsync(HttpStatusCode.Unauthorized)).Code);
            Assert.Equal("invalid_api_key", (await unknown.ErrorAsync(HttpStatusCode.Unauthorized)).Code);
            Assert.Equal("insufficient_role", (await reader.ErrorAsync(HttpStatusCode.Forbidden)).Code);
            // A header in which an API could tell who asks means nothing.
            using HttpRequestMessage spoofed = new(HttpMethod.Post, path) { Headers = { { "X-Forwarded-User", "root" }, { "X-Owner", "root" } } };
            using HttpResponseMessage refused = await _worker.Client.SendAsync(spoofed);
            await refused.ErrorAsync(HttpStatusCode.Unauthorized);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TunedModel_AnswersItsOwner_AndIsUnknownToOthers(bool throughApi)
    {
        await AddTunedModelAsync("ada");
        string ada = await KeyAsync(KeyRole.User, "ada"), bob = await KeyAsync(KeyRole.User, "bob"), admin = await KeyAsync(KeyRole.Admin, "root");
        // As its host has it: the worker behind, and one database for both.
        string connection = _worker.Services.GetRequiredService<IOptions<StorageOptions>>().Value.ConnectionString;
        await using ApiHost api = await ApiHost.StartAsync(_worker.Address.AbsoluteUri, false, KeyValuePair.Create<string, string?>("Api:AllowAnonymous", "false"), KeyValuePair.Create<string, string?>("Storage:ConnectionString", connection));
        HttpClient client = throughApi ? api.Client : _worker.Client;

        foreach (string model in new[] { Tuned, Checkpoint })
        {
            foreach (string key in new[] { ada, admin })
            {
                using HttpResponseMessage answer = await CompleteAsync(key, model);
                await answer.JsonAsync();
            }
            string unknown = model[..^1] + "9";
            using HttpResponseMessage others = await CompleteAsync(bob, model), none = await CompleteAsync(bob, unknown);
            Assert.Equal("model_not_found", (await none.ErrorAsync(HttpStatusCode.NotFound)).Code);
            Assert.Equal(HttpStatusCode.NotFound, others.StatusCode);
            Assert.Equal(await none.Content.ReadAsStringAsync(), (await others.Content.ReadAsStringAsync()).Replace(model, unknown, StringComparison.Ordinal));
        }
        using HttpResponseMessage everybodys = await CompleteAsync(bob, "tiny");
        await everybodys.JsonAsync();

        async Task<HttpResponseMessage> CompleteAsync(string key, string model) =>
            await AskAsync(key, "/v1/completions", $$"""{"model": "{{model}}", "prompt": "The", "max_tokens": 1}""", client);
    }

    private async Task<string> KeyAsync(KeyRole role, string owner) => (await _worker.Services.GetRequiredService<KeyRing>().CreateAsync(role, owner, CancellationToken.None)).Secret;

    private async Task<HttpResponseMessage> AskAsync(string? key, string path, string json = "{}", HttpClient? client = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(json, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")) };
        if (key is not null) request.Headers.Authorization = new("Bearer", key);
        return await (client ?? _worker.Client).SendAsync(request);
    }

    private async Task AddTunedModelAsync(string owner)
    {
        const string Key = "adapters/ftjob-1.zip";
        string tiny = Directory.CreateDirectory(Path.Combine(_worker.ModelsFolder, "tiny")).FullName;
        foreach (string file in Directory.EnumerateFiles(RepositoryRoot.PathOf("tests", "golden", "training", "model"))) File.Copy(file, Path.Combine(tiny, Path.GetFileName(file)));
        using var zip = new MemoryStream();
        await using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            archive.CreateEntryFromFile(RepositoryRoot.PathOf("tests", "golden", "training", "all_linear_r4", "final_adapter.safetensors"), "adapter_model.safetensors");
            await using var config = new StreamWriter(archive.CreateEntry("adapter_config.json").Open());
            await config.WriteAsync("""{"peft_type": "LORA", "base_model_name_or_path": "tiny", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}""");
        }
        await using (FileStoreWriter writer = _worker.Services.GetRequiredService<IFileStore>().Create(Key))
        {
            await writer.WriteAsync(zip.ToArray());
            await writer.CommitAsync(CancellationToken.None);
        }
        DateTime now = TimeProvider.System.GetUtcNow().UtcDateTime;
        await using TrainingDbContext db = _worker.Services.GetRequiredService<IDbContextFactory<TrainingDbContext>>().CreateDbContext();
        var job = new FineTuningJob("ftjob-1", "tiny", "file-1", null, "{}", 1, null, null, now);
        job.GiveTo(owner);
        db.Add(new StoredFile("file-1", "rows.jsonl", FilePurpose.FineTune, 1, "files/file-1", now));
        db.Add(job);
        db.Add(new JobCheckpoint("ftckpt_1", job.Id, 2, Checkpoint, Key, "{}", now));
        await db.SaveChangesAsync();
        await db.Jobs.ExecuteUpdateAsync(set => set
            .SetProperty(j => j.Status, JobStatus.Succeeded).SetProperty(j => j.FineTunedModel, Tuned).SetProperty(j => j.AdapterKey, Key));
    }
}
