using System.Net;
using System.Text.Json.Nodes;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Keys;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Keys;

/// <summary>What belongs to somebody is unknown to everybody else.</summary>
public sealed class OwnershipTests(PostgresServer postgres)
{
    private const string Model = "ft:demo-model:local:mine:1";
    private static readonly DateTime s_now = new(2026, 5, 1, 12, 0, 0, DateTimeKind.Utc);

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task AnothersIds_AnswerByteForByteAsUnknownOnes(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, provider);
        using HttpClient ada = await server.CreateClientAsync(KeyRole.User, "ada"), bob = await server.CreateClientAsync(KeyRole.User, "bob");
        (string file, string job) = await CreateAsync(server, ada);
        using HttpResponseMessage begun = await ada.PostAsync("/v1/uploads", Json("""{"filename": "rows.jsonl", "purpose": "fine-tune", "bytes": 9, "mime_type": "text/jsonl"}"""));
        using HttpResponseMessage hook = await ada.PostAsync("/v1/webhooks", Json("""{"url": "https://hooks.example.com/a"}"""));
        string upload = (await begun.JsonAsync()).Text("id"), webhook = (await hook.JsonAsync()).Text("id");

        (HttpMethod Method, string Path, string Id)[] calls =
        [
            (HttpMethod.Get, "/v1/files/{0}", file),
            (HttpMethod.Get, "/v1/files/{0}/content", file),
            (HttpMethod.Delete, "/v1/files/{0}", file),
            (HttpMethod.Get, "/v1/files?after={0}", file),
            (HttpMethod.Get, "/v1/fine_tuning/jobs/{0}", job),
            (HttpMethod.Get, "/v1/fine_tuning/jobs?after={0}", job),
            (HttpMethod.Post, "/v1/fine_tuning/jobs/{0}/cancel", job),
            (HttpMethod.Post, "/v1/fine_tuning/jobs/{0}/pause", job),
            (HttpMethod.Post, "/v1/fine_tuning/jobs/{0}/resume", job),
            (HttpMethod.Get, "/v1/fine_tuning/jobs/{0}/events", job),
            (HttpMethod.Get, "/v1/fine_tuning/jobs/{0}/events?stream=true", job),
            (HttpMethod.Get, "/v1/fine_tuning/jobs/{0}/checkpoints", job),
            (HttpMethod.Get, "/v1/fine_tuning/jobs/{0}/metrics", job),
            (HttpMethod.Get, "/v1/fine_tuning/jobs/{0}/adapter", job),
            (HttpMethod.Get, "/v1/fine_tuning/jobs/{0}/checkpoints/ftckpt_1/adapter", job),
            (HttpMethod.Post, "/v1/uploads/{0}/cancel", upload),
            (HttpMethod.Get, "/v1/webhooks/{0}", webhook),
            (HttpMethod.Delete, "/v1/webhooks/{0}", webhook),
            (HttpMethod.Post, "/v1/webhooks/{0}/rotate", webhook),
            (HttpMethod.Post, "/v1/webhooks/{0}/test", webhook),
            (HttpMethod.Get, "/v1/webhooks/{0}/deliveries", webhook),
            (HttpMethod.Delete, "/v1/models/{0}", Model),
            (HttpMethod.Get, "/v1/models/{0}", Model),
            (HttpMethod.Get, "/v1/models/{0}", Model + ":ckpt-step-10"),
        ];
        foreach ((HttpMethod method, string path, string id) in calls)
        {
            string unknown = id[..^1] + "~";
            using HttpResponseMessage known = await bob.SendAsync(new(method, string.Format(path, id))), none = await bob.SendAsync(new(method, string.Format(path, unknown)));
            Assert.Equal(path.Contains('?') && !path.Contains("stream") ? HttpStatusCode.BadRequest : HttpStatusCode.NotFound, none.StatusCode);
            Assert.Equal(none.StatusCode, known.StatusCode);
            Assert.Equal(await none.Content.ReadAsStringAsync(), (await known.Content.ReadAsStringAsync()).Replace(id, unknown));
            Assert.Equal(Headers(none), Headers(known));
        }
        string create = $$"""{"model": "{{Model}}", "training_file": "{{file}}", "method": {"type": "dpo"} }""";
        using HttpResponseMessage foreign = await bob.PostAsync("/v1/fine_tuning/jobs", Json(create));
        string message = (await foreign.ErrorAsync(HttpStatusCode.BadRequest)).Message();
        Assert.Contains($"Model {Model} is not available", message);
        Assert.Contains($"invalid training_file: {file}. There is no such file", message);
    }

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task Lists_HoldTheOwnersThings_AndAnAdministratorsEverybodys(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, provider);
        using HttpClient ada = await server.CreateClientAsync(KeyRole.User, "ada"), bob = await server.CreateClientAsync(KeyRole.User, "bob"),
            reader = await server.CreateClientAsync(KeyRole.ReadOnly, "ada"), admin = await server.CreateClientAsync(KeyRole.Admin, "root");
        (string file, string job) = await CreateAsync(server, ada);

        foreach (HttpClient client in new[] { ada, reader, admin })
        {
            Assert.Equal([file], (await GetAsync(client, "/v1/files")).Ids());
            Assert.Equal([job], (await GetAsync(client, "/v1/fine_tuning/jobs")).Ids());
            Assert.Equal(["demo-model", Model, $"{Model}:ckpt-step-10"], (await GetAsync(client, "/v1/models")).Ids());
            await GetAsync(client, $"/v1/models/{Model}:ckpt-step-10");
            Assert.NotEmpty((await GetAsync(client, $"/v1/fine_tuning/jobs/{job}/events")).Ids());
        }
        Assert.Empty((await GetAsync(bob, "/v1/files")).Ids());
        Assert.Empty((await GetAsync(bob, "/v1/fine_tuning/jobs")).Ids());
        Assert.Equal(["demo-model"], (await GetAsync(bob, "/v1/models")).Ids());
    }

    /// <summary>A file, and a job over it that made a model and a checkpoint.</summary>
    private static async Task<(string File, string Job)> CreateAsync(ApiServer server, HttpClient client)
    {
        using var form = new MultipartFormDataContent { { new StringContent("fine-tune"), "purpose" }, { new StringContent(ApiServer.GoodRow), "file", "rows.jsonl" } };
        using HttpResponseMessage upload = await client.PostAsync("/v1/files", form);
        string file = (await upload.JsonAsync()).Text("id");
        using HttpResponseMessage create = await client.PostAsync("/v1/fine_tuning/jobs", Json($$"""{"model": "demo-model", "training_file": "{{file}}", "method": {"type": "dpo"} }"""));
        string job = (await create.JsonAsync()).Text("id");
        await server.RunAsync(job);
        await server.ChangeAsync(job, j => j.Succeed(Model, "adapters/1", [], s_now));
        await using TrainingDbContext db = server.CreateContext();
        db.Checkpoints.Add(new JobCheckpoint("ftckpt_1", job, 10, $"{Model}:ckpt-step-10", "adapters/2", "{}", s_now.AddSeconds(-1)));
        await db.SaveChangesAsync();
        return (file, job);
    }

    private static StringContent Json(string json) => new(json, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));

    private static async Task<JsonObject> GetAsync(HttpClient client, string path)
    {
        using HttpResponseMessage response = await client.GetAsync(path);
        return await response.JsonAsync();
    }

    // All but what differs between any two requests.
    private static string Headers(HttpResponseMessage response) => string.Join('\n', response.Headers.Concat(response.Content.Headers)
        .Where(h => h.Key.ToLowerInvariant() is not ("x-request-id" or "date" or "x-ratelimit-remaining-requests" or "x-ratelimit-reset-requests"))
        .Select(h => $"{h.Key}: {string.Join(',', h.Value)}").Order());
}
