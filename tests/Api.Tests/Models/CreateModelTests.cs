using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Hub;
using TrainingService.Storage.Queue;
using TrainingService.Tests;
using Microsoft.Extensions.DependencyInjection;

namespace TrainingService.Api.Tests.Models;

public sealed class CreateModelTests(PostgresServer postgres) : IAsyncLifetime
{
    private FakeHub _hub = null!;
    private FakeHub.Repository _tiny = null!;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        _tiny = _hub.AddFolder("acme/tiny", RepositoryRoot.PathOf("samples", "demo-model"));
    }

    public ValueTask DisposeAsync() => _hub.DisposeAsync();

    private Task<ApiServer> StartAsync(StorageProvider provider = StorageProvider.Sqlite, bool keyed = false) => keyed
        ? ApiServer.StartKeyedAsync(postgres, provider, ("HF_ENDPOINT", _hub.Endpoint.AbsoluteUri))
        : ApiServer.StartAsync(postgres, provider, ("HF_ENDPOINT", _hub.Endpoint.AbsoluteUri));

    private static async Task<HttpResponseMessage> PostAsync(HttpClient client, string json)
    {
        using var content = new StringContent(json, new MediaTypeHeaderValue("application/json"));
        return await client.PostAsync("/v1/models", content);
    }

    private static async Task<JsonObject> ErrorAsync(ApiServer server, string json, HttpStatusCode status)
    {
        using HttpResponseMessage response = await PostAsync(server.Client, json);
        return await response.ErrorAsync(status);
    }

    private static async Task<JsonObject> CreateAsync(ApiServer server, string json = """{"model": "acme/tiny"}""")
    {
        using HttpResponseMessage response = await PostAsync(server.Client, json);
        return await response.JsonAsync();
    }

    private static async Task ChangeAsync(ApiServer server, Action<ModelDownload> change)
    {
        await using TrainingDbContext db = server.CreateContext();
        change(await db.ModelDownloads.SingleAsync());
        await db.SaveChangesAsync();
    }

    /// <summary>Puts the download where a worker's claim puts it.</summary>
    private static async Task ClaimAsync(ApiServer server)
    {
        await using TrainingDbContext db = server.CreateContext();
        await db.ModelDownloads.ExecuteUpdateAsync(set => set.SetProperty(d => d.Status, ModelDownloadStatus.Running).SetProperty(d => d.LeaseEpoch, d => d.LeaseEpoch + 1));
    }

    /// <summary>Puts the model where a worker that has fetched it puts it.</summary>
    private async Task ArriveAsync(ApiServer server)
    {
        string folder = Directory.CreateDirectory(Path.Combine(server.ModelsFolder, "acme", "tiny")).FullName;
        foreach ((string name, byte[] content) in _tiny.Files) File.WriteAllBytes(Path.Combine(folder, name), content);
        new HubOrigin("acme/tiny", "main", _tiny.Commit).Write(folder);
        await ClaimAsync(server);
        await ChangeAsync(server, d => d.Succeed(d.CreatedAt));
    }

    private static IReadOnlySet<string> Waiting(ApiServer server) => server.Services.GetRequiredService<IJobQueue>().List().Waiting;

    [Theory, InlineData(StorageProvider.Sqlite), InlineData(StorageProvider.Postgres)]
    public async Task Model_IsQueuedOnce_AndShownOnceItIsThere(StorageProvider provider)
    {
        await using ApiServer server = await StartAsync(provider);
        JsonObject first = await CreateAsync(server);
        Assert.Equal(("acme/tiny", "model", "downloading", _tiny.Commit), (first.Text("id"), first.Text("object"), first.Text("status"), first.Text("revision")));
        JsonNode download = first["download"]!;
        Assert.Equal(("queued", "main", _tiny.Commit, 0L), (download.Text("status"), download.Text("revision"), download.Text("commit"), download["bytes_done"]!.GetValue<long>()));
        Assert.Equal(_tiny.Files.Sum(f => (long)f.Value.Length), download["bytes_total"]!.GetValue<long>());
        Assert.Equal(["acme/tiny"], Waiting(server));

        Assert.True(JsonNode.DeepEquals(first, await CreateAsync(server)));
        Assert.True(JsonNode.DeepEquals(first, await CreateAsync(server, """{"model": "acme/tiny", "revision": "main"}""")));
        Assert.True(JsonNode.DeepEquals(first, await server.GetAsync("/v1/models/acme%2Ftiny")));
        Assert.DoesNotContain("acme/tiny", (await server.GetAsync("/v1/models")).Ids());

        await ArriveAsync(server);
        JsonObject ready = await CreateAsync(server);
        Assert.Equal(("ready", "llama", _tiny.Commit, "succeeded"), (ready.Text("status"), ready.Text("architecture"), ready.Text("revision"), ready["download"]!.Text("status")));
        Assert.Contains("acme/tiny", (await server.GetAsync("/v1/models")).Ids());

        _tiny.Commit = new('c', 40);
        JsonObject moved = await ErrorAsync(server, """{"model": "acme/tiny", "revision": "main"}""", HttpStatusCode.Conflict);
        Assert.Contains($"is commit {_tiny.Commit}", moved.Message());
    }

    [Fact]
    public async Task ManyAtOnce_QueueOneDownload()
    {
        await using ApiServer server = await StartAsync(StorageProvider.Postgres);
        JsonObject[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => CreateAsync(server)));
        Assert.All(answers, a => Assert.Equal("downloading", a.Text("status")));
        await using TrainingDbContext db = server.CreateContext();
        Assert.Equal(1, await db.ModelDownloads.CountAsync());
    }

    [Theory]
    [InlineData("{}", "model", "model is missing")]
    [InlineData("""{"model": "tiny"}""", "model", "'tiny'; it must be an id of the Hub, owner/name")]
    [InlineData("""{"model": "../../etc"}""", "model", "owner/name")]
    [InlineData("""{"model": "acme/tiny", "revision": "a b"}""", "revision", "'a b'")]
    [InlineData("""{"model": "acme/tiny", "revison": "main"}""", "revison", "Did you mean 'revision'?")]
    [InlineData("""{"model": 3}""", "model", "must be text")]
    public async Task WrongRequest_IsNamed(string json, string param, string message)
    {
        await using ApiServer server = await StartAsync();
        JsonObject error = await ErrorAsync(server, json, HttpStatusCode.BadRequest);
        Assert.Equal(param, error.Param());
        Assert.Contains(message, error.Message());
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public async Task WhatTheHubRefuses_IsToldAtOnce_AndNothingIsQueued()
    {
        await using ApiServer server = await StartAsync();
        JsonObject absent = await ErrorAsync(server, """{"model": "acme/tyni"}""", HttpStatusCode.NotFound);
        Assert.Equal(("model", "model_not_found"), (absent.Param(), absent["code"]!.GetValue<string>()));
        JsonObject revision = await ErrorAsync(server, """{"model": "acme/tiny", "revision": "v9"}""", HttpStatusCode.NotFound);
        Assert.Equal(("revision", "revision_not_found"), (revision.Param(), revision["code"]!.GetValue<string>()));
        (_tiny.Gated, _tiny.Token) = (true, "hf_x");
        JsonObject gated = await ErrorAsync(server, """{"model": "acme/tiny"}""", HttpStatusCode.Forbidden);
        Assert.Equal("gated_model", gated["code"]!.GetValue<string>());
        _hub.Add("acme/pickled", ("config.json", Encoding.UTF8.GetBytes("""{"model_type": "llama"}""")), ("pytorch_model.bin", [1]));
        JsonObject pickled = await ErrorAsync(server, """{"model": "acme/pickled"}""", HttpStatusCode.BadRequest);
        Assert.Contains("pickle", pickled.Message());
        _hub.HubFaults.Enqueue(context => FakeHub.Refuse(503)(context, []));
        Assert.Equal("hub_unavailable", (await ErrorAsync(server, """{"model": "acme/tiny"}""", HttpStatusCode.ServiceUnavailable))["code"]!.GetValue<string>());
        Assert.Empty(Waiting(server));
        await using TrainingDbContext db = server.CreateContext();
        Assert.Equal(0, await db.ModelDownloads.CountAsync());
    }

    [Fact]
    public async Task OperatorsModel_OfTheSameId_IsTheAnswer_UnlessAnotherRevisionIsAskedFor()
    {
        await using ApiServer server = await StartAsync();
        string folder = Directory.CreateDirectory(Path.Combine(server.ModelsFolder, "acme", "tiny")).FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"), "{}");
        Assert.Equal("ready", (await CreateAsync(server)).Text("status"));
        Assert.Empty(_hub.Requests);
        Assert.Contains("did not come from the Hub", (await ErrorAsync(server, """{"model": "acme/tiny", "revision": "main"}""", HttpStatusCode.Conflict)).Message());
    }

    [Fact]
    public async Task FailedDownload_IsShownWithItsReason_AndGoesOnWhenAskedAgain()
    {
        await using ApiServer server = await StartAsync();
        await CreateAsync(server);
        await ClaimAsync(server);
        await ChangeAsync(server, d => d.Fail("hub_unavailable", "The Hub is away.", d.CreatedAt));
        JsonObject failed = await server.GetAsync("/v1/models/acme/tiny");
        Assert.Equal(("failed", "hub_unavailable", "The Hub is away."), (failed.Text("status"), failed["download"]!["error"]!.Text("code"), failed["download"]!["error"]!.Text("message")));
        JsonObject again = await CreateAsync(server);
        Assert.Equal("downloading", again.Text("status"));
        Assert.Null(again["download"]!["error"]);
    }

    [Fact]
    public async Task Deletion_CancelsADownload()
    {
        await using ApiServer server = await StartAsync();
        await CreateAsync(server);
        using HttpResponseMessage response = await server.Client.DeleteAsync("/v1/models/acme%2Ftiny");
        JsonObject deleted = await response.JsonAsync();
        Assert.Equal(("acme/tiny", true), (deleted.Text("id"), deleted["deleted"]!.GetValue<bool>()));
        using HttpResponseMessage gone = await server.Client.GetAsync("/v1/models/acme/tiny");
        await gone.ErrorAsync(HttpStatusCode.NotFound);
        using HttpResponseMessage twice = await server.Client.DeleteAsync("/v1/models/acme/tiny");
        await twice.ErrorAsync(HttpStatusCode.NotFound);
        // Until a worker has deleted what arrived.
        Assert.Contains("being deleted", (await ErrorAsync(server, """{"model": "acme/tiny"}""", HttpStatusCode.Conflict)).Message());
        await ClaimAsync(server);
        await ChangeAsync(server, d => d.EndCancelled(d.CreatedAt));
        Assert.Equal("downloading", (await CreateAsync(server)).Text("status"));
    }

    [Fact]
    public async Task FetchedModel_IsDeleted_UnlessAJobNeedsIt()
    {
        await using ApiServer server = await StartAsync();
        await CreateAsync(server);
        await ArriveAsync(server);
        string file = await server.UploadGoodFileAsync();
        using HttpResponseMessage created = await server.CreateJobAsync($$"""{"model": "acme/tiny", "training_file": "{{file}}", "method": {"type": "dpo"} }""");
        string job = (await created.JsonAsync()).Text("id");
        using HttpResponseMessage refused = await server.Client.DeleteAsync("/v1/models/acme/tiny");
        Assert.Equal($"Model acme/tiny is what job {job} starts from, which is queued. Cancel the job or wait until it ends.", (await refused.ErrorAsync(HttpStatusCode.Conflict)).Message());

        using HttpResponseMessage cancel = await server.Client.PostAsync($"/v1/fine_tuning/jobs/{job}/cancel", null);
        await cancel.JsonAsync();
        using HttpResponseMessage deletion = await server.Client.DeleteAsync("/v1/models/acme/tiny");
        await deletion.JsonAsync();
        Assert.Equal(["acme/tiny"], Waiting(server).Except([job]));
        // Until a worker has deleted its files it is gone for everybody, but cannot be had again.
        using HttpResponseMessage gone = await server.Client.GetAsync("/v1/models/acme/tiny");
        await gone.ErrorAsync(HttpStatusCode.NotFound);
        Assert.Equal(["demo-model"], (await server.GetAsync("/v1/models")).Ids());
        using HttpResponseMessage twice = await server.Client.DeleteAsync("/v1/models/acme/tiny");
        await twice.ErrorAsync(HttpStatusCode.NotFound);
        Assert.Contains("being deleted", (await ErrorAsync(server, """{"model": "acme/tiny"}""", HttpStatusCode.Conflict)).Message());
    }

    [Fact]
    public async Task Events_TellProgressAndEndWithTheModel()
    {
        await using ApiServer server = await StartAsync();
        await CreateAsync(server);
        foreach (string path in new[] { "acme%2Ftiny/events", "acme/tiny/events" })
        {
            await ClaimAsync(server);
            using HttpResponseMessage response = await server.Client.GetAsync($"/v1/models/{path}", HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
            Assert.Equal(0, (await NextAsync(reader, "progress"))["bytes_done"]!.GetValue<long>());
            await using (TrainingDbContext db = server.CreateContext())
                await db.ModelDownloads.ExecuteUpdateAsync(set => set.SetProperty(d => d.BytesDone, 1234));
            Assert.Equal(1234, (await NextAsync(reader, "progress"))["bytes_done"]!.GetValue<long>());
            await ChangeAsync(server, d => d.Fail("hub_unavailable", "The Hub is away.", d.CreatedAt));
            Assert.Equal("failed", (await NextAsync(reader, "status")).Text("status"));
            Assert.Equal("", (await reader.ReadToEndAsync()).Trim());
            await using (TrainingDbContext db = server.CreateContext())
                await db.ModelDownloads.ExecuteUpdateAsync(set => set.SetProperty(d => d.BytesDone, 0).SetProperty(d => d.ErrorCode, (string?)null));
        }
        using HttpResponseMessage none = await server.Client.GetAsync("/v1/models/absent/events");
        await none.ErrorAsync(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task OnlyAdministrators_GetAndDeleteModels_EverybodySeesThem()
    {
        await using ApiServer server = await StartAsync(keyed: true);
        using HttpClient admin = await server.CreateClientAsync(KeyRole.Admin, "root"), user = await server.CreateClientAsync(KeyRole.User, "ada");
        using (HttpResponseMessage refused = await PostAsync(user, """{"model": "acme/tiny"}"""))
            Assert.Contains("takes a key of the role admin", (await refused.ErrorAsync(HttpStatusCode.Forbidden)).Message());
        using (HttpResponseMessage created = await PostAsync(admin, """{"model": "acme/tiny"}""")) await created.JsonAsync();
        using (HttpResponseMessage seen = await user.GetAsync("/v1/models/acme/tiny")) Assert.Equal("downloading", (await seen.JsonAsync()).Text("status"));
        using (HttpResponseMessage refused = await user.DeleteAsync("/v1/models/acme/tiny")) await refused.ErrorAsync(HttpStatusCode.Forbidden);
        await ArriveAsync(server);
        using (HttpResponseMessage refused = await user.DeleteAsync("/v1/models/acme/tiny")) await refused.ErrorAsync(HttpStatusCode.Forbidden);
        using (HttpResponseMessage deleted = await admin.DeleteAsync("/v1/models/acme/tiny")) await deleted.JsonAsync();
    }

    private static async Task<JsonNode> NextAsync(StreamReader reader, string type)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        string? told = null;
        while (true)
        {
            string line = await reader.ReadLineAsync(patience.Token) ?? throw new InvalidOperationException("The stream ended.");
            if (line.StartsWith("event: ", StringComparison.Ordinal)) told = line["event: ".Length..];
            if (!line.StartsWith("data: ", StringComparison.Ordinal)) continue;
            Assert.Equal(type, told);
            return JsonNode.Parse(line["data: ".Length..])!;
        }
    }
}
