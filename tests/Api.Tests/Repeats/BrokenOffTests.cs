using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Repeats;

/// <summary>
/// A first try that does its work and then breaks off before its answer is kept: the database refuses to keep it. The second
/// try answers as the first would have, and the work is there once.
/// </summary>
public sealed class BrokenOffTests(PostgresServer postgres)
{
    private const string Row = ApiServer.GoodRow;

    public static TheoryData<StorageProvider, string> Works => [.. from provider in new[] { StorageProvider.Sqlite, StorageProvider.Postgres } from work in s_works.Keys select (provider, work)];

    private static readonly Dictionary<string, Func<ApiServer, Task<Work>>> s_works = new()
    {
        ["file"] = _ => Task.FromResult(new Work("/v1/files", Form, server => CountAsync(server, "/v1/files"))),
        ["job"] = async server =>
        {
            string file = await server.UploadGoodFileAsync();
            return new("/v1/fine_tuning/jobs", Json($$"""{"model": "demo-model", "training_file": "{{file}}", "method": {"type": "dpo"} }"""), async s =>
            {
                // What the first try needed may be gone: its work is found before anything is asked for.
                await using TrainingDbContext db = s.CreateContext();
                await db.Files.ExecuteDeleteAsync();
                return await CountAsync(s, "/v1/fine_tuning/jobs");
            });
        },
        ["cancel"] = async server => OfJob((await server.CreateGoodJobAsync()).Text("id"), "cancel"),
        ["pause"] = async server => OfJob((await server.CreateGoodJobAsync()).Text("id"), "pause"),
        ["resume"] = async server =>
        {
            string job = (await server.CreateGoodJobAsync()).Text("id");
            using HttpResponseMessage paused = await server.Client.PostAsync($"/v1/fine_tuning/jobs/{job}/pause", null);
            await paused.JsonAsync();
            return OfJob(job, "resume");
        },
        ["upload"] = _ => Task.FromResult(new Work("/v1/uploads", Json(UploadOf(100)), CountUploadsAsync)),
        ["part"] = async server => new($"/v1/uploads/{await CreateUploadAsync(server)}/parts", Part, async s =>
        {
            await using TrainingDbContext db = s.CreateContext();
            return await db.UploadParts.CountAsync();
        }),
        ["complete"] = async server =>
        {
            string upload = await CreateUploadAsync(server);
            using HttpResponseMessage part = await server.Client.PostAsync($"/v1/uploads/{upload}/parts", Part());
            return new($"/v1/uploads/{upload}/complete", Json($$"""{"part_ids": ["{{(await part.JsonAsync()).Text("id")}}"]}"""), s => CountAsync(s, "/v1/files"));
        },
        ["cancelled upload"] = async server => new($"/v1/uploads/{await CreateUploadAsync(server)}/cancel", () => null, CountUploadsAsync),
        ["webhook's test"] = async server =>
        {
            using HttpResponseMessage created = await server.Client.PostAsync("/v1/webhooks", Json("""{"url": "https://hooks.invalid/fine-tuning"}""")());
            string webhook = (await created.JsonAsync()).Text("id");
            return new($"/v1/webhooks/{webhook}/test", () => null, s => CountAsync(s, $"/v1/webhooks/{webhook}/deliveries"));
        },
    };

    [Theory]
    [MemberData(nameof(Works))]
    public async Task WorkWhoseAnswerWasLost_IsFoundByTheNextTry(StorageProvider provider, string name)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, provider);
        Work work = await s_works[name](server);
        await RefuseToKeepAnswersAsync(server, provider, alsoErrors: false);
        using HttpResponseMessage broken = await SendAsync(server, work);
        await broken.ErrorAsync(HttpStatusCode.InternalServerError);
        await KeepAnswersAsync(server, provider);
        Assert.Equal(1, await work.Count(server));
        string[] stored = server.StoredPaths();

        // The service told of its error, so that the next try begins at once.
        using HttpResponseMessage again = await SendAsync(server, work);
        JsonObject answer = await again.JsonAsync();
        Assert.Equal(1, await work.Count(server));
        Assert.Equal(stored, server.StoredPaths());
        using HttpResponseMessage third = await SendAsync(server, work);
        Assert.Equal(answer.ToJsonString(), (await third.JsonAsync()).ToJsonString());
        Assert.Equal("true", third.Headers.GetValues("Idempotent-Replayed").Single());
    }

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task WorkOfAHostThatDied_IsFoundWhenItsTimeIsOver(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, provider);
        Work work = await s_works["job"](server);
        await RefuseToKeepAnswersAsync(server, provider, alsoErrors: true);
        using HttpResponseMessage broken = await SendAsync(server, work);
        await broken.ErrorAsync(HttpStatusCode.InternalServerError);
        await KeepAnswersAsync(server, provider);
        await server.RestartAsync();

        using HttpResponseMessage early = await SendAsync(server, work);
        Assert.Equal("idempotency_key_in_use", (await early.ErrorAsync(HttpStatusCode.Conflict)).Text("code"));
        DateTime longAgo = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(-16);
        await using (TrainingDbContext db = server.CreateContext())
            await db.IdempotencyRecords.ExecuteUpdateAsync(set => set.SetProperty(r => r.TriedAt, longAgo));
        using HttpResponseMessage late = await SendAsync(server, work);
        Assert.Equal((await server.GetAsync("/v1/fine_tuning/jobs")).Ids().Single(), (await late.JsonAsync()).Text("id"));
    }

    [Fact]
    public async Task AnotherRequestUnderTheKeyOfABrokenOne_IsNotTakenForIt()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        await RefuseToKeepAnswersAsync(server, StorageProvider.Sqlite, alsoErrors: false);
        using HttpResponseMessage broken = await SendAsync(server, new("/v1/uploads", Json(UploadOf(100)), CountUploadsAsync));
        await broken.ErrorAsync(HttpStatusCode.InternalServerError);
        await KeepAnswersAsync(server, StorageProvider.Sqlite);
        using HttpResponseMessage other = await SendAsync(server, new("/v1/uploads", Json(UploadOf(101)), CountUploadsAsync));
        Assert.Equal(101, (await other.JsonAsync())["bytes"]!.GetValue<int>());
    }

    private static Work OfJob(string job, string verb) => new($"/v1/fine_tuning/jobs/{job}/{verb}", () => null, async server =>
        (await server.GetAsync($"/v1/fine_tuning/jobs/{job}/events"))["data"]!.AsArray().Count(e => e!.Text("message").Contains(verb == "cancel" ? "was cancelled" : $"was {verb}d", StringComparison.Ordinal)));

    private static Func<HttpContent?> Json(string json) => () => new StringContent(json, new MediaTypeHeaderValue("application/json"));

    private static MultipartFormDataContent Form() => new() { { new StringContent("fine-tune"), "purpose" }, { new StringContent(Row), "file", "rows.jsonl" } };

    private static MultipartFormDataContent Part() => new() { { new StringContent(Row), "data", "part" } };

    private static string UploadOf(int bytes) => $$"""{"filename": "rows.jsonl", "purpose": "fine-tune", "bytes": {{bytes}}, "mime_type": "text/jsonl"}""";

    private static async Task<string> CreateUploadAsync(ApiServer server)
    {
        using HttpResponseMessage created = await server.Client.PostAsync("/v1/uploads", Json(UploadOf(Row.Length))());
        return (await created.JsonAsync()).Text("id");
    }

    private static async Task<int> CountAsync(ApiServer server, string list) => (await server.GetAsync(list))["data"]!.AsArray().Count;

    private static async Task<int> CountUploadsAsync(ApiServer server)
    {
        await using TrainingDbContext db = server.CreateContext();
        return await db.Uploads.CountAsync();
    }

    private static Task<HttpResponseMessage> SendAsync(ApiServer server, Work work) =>
        server.Client.SendAsync(new(HttpMethod.Post, work.Path) { Content = work.Body(), Headers = { { "Idempotency-Key", "k" } } });

    /// <param name="alsoErrors">Whether the end of the try cannot be noted either, as when the host died.</param>
    private static async Task RefuseToKeepAnswersAsync(ApiServer server, StorageProvider provider, bool alsoErrors)
    {
        string when = alsoErrors ? "" : """WHEN (NEW."CompletedAt" IS NOT NULL)""";
        await ExecuteAsync(server, provider == StorageProvider.Sqlite
            ? $"""CREATE TRIGGER broken BEFORE UPDATE ON "IdempotencyRecords" {when} BEGIN SELECT RAISE(ABORT, 'broken off'); END"""
            : $"""
               CREATE FUNCTION broken_off() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''broken off''; END';
               CREATE TRIGGER broken BEFORE UPDATE ON "IdempotencyRecords" FOR EACH ROW {when} EXECUTE FUNCTION broken_off()
               """);
    }

    private static Task KeepAnswersAsync(ApiServer server, StorageProvider provider) =>
        ExecuteAsync(server, provider == StorageProvider.Sqlite ? "DROP TRIGGER broken" : """DROP TRIGGER broken ON "IdempotencyRecords" """);

    private static async Task ExecuteAsync(ApiServer server, string sql)
    {
        await using TrainingDbContext db = server.CreateContext();
        await db.Database.ExecuteSqlRawAsync(sql);
    }

    /// <summary>A request that may be repeated.</summary>
    /// <param name="Path">Where it goes.</param>
    /// <param name="Body">Its body, made anew for each try.</param>
    /// <param name="Count">How often its work was done.</param>
    private sealed record Work(string Path, Func<HttpContent?> Body, Func<ApiServer, Task<int>> Count);
}
