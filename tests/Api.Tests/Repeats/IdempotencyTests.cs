using System.Net;
using System.Net.Http.Headers;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Repeats;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Requests;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Repeats;

public sealed class IdempotencyTests(PostgresServer postgres)
{
    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task RepeatedUpload_IsStoredOnce_WhateverItsBoundary(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, provider);
        using HttpResponseMessage first = await UploadAsync(server.Client, "k1", ApiServer.GoodRow, "aaa");
        string body = await first.Content.ReadAsStringAsync();
        await server.RestartAsync();
        using HttpResponseMessage again = await UploadAsync(server.Client, "k1", ApiServer.GoodRow, "another-boundary");
        Assert.Equal(body, await again.Content.ReadAsStringAsync());
        Assert.Equal((HttpStatusCode.OK, "application/json"), (again.StatusCode, again.Content.Headers.ContentType!.MediaType));
        Assert.Equal("true", again.Headers.GetValues("Idempotent-Replayed").Single());
        Assert.False(first.Headers.Contains("Idempotent-Replayed"));
        Assert.Single((await server.GetAsync("/v1/files")).Ids());
        Assert.Single(server.StoredPaths());

        using HttpResponseMessage other = await UploadAsync(server.Client, "k1", ApiServer.GoodRow.Replace("Blue", "Red"), "aaa");
        Assert.Equal("idempotency_key_reused", (await other.ErrorAsync(HttpStatusCode.UnprocessableEntity)).Text("code"));
        using HttpResponseMessage fresh = await UploadAsync(server.Client, "k2", ApiServer.GoodRow, "aaa");
        Assert.NotEqual(body, await fresh.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task RepeatedJobAndCancel_HappenOnce_AndFailuresAreNotKept()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        string file = await server.UploadGoodFileAsync();
        string json = $$"""{"model": "demo-model", "training_file": "{{file}}", "method": {"type": "dpo"} }""";
        using HttpResponseMessage wrong = await PostAsync(server.Client, "/v1/fine_tuning/jobs", "k", json.Replace(file, "file-none"));
        await wrong.ErrorAsync(HttpStatusCode.BadRequest);

        string id = await PostedAsync("/v1/fine_tuning/jobs", json);
        Assert.Equal(id, await PostedAsync("/v1/fine_tuning/jobs", json));
        Assert.Single((await server.GetAsync("/v1/fine_tuning/jobs")).Ids());
        // The same key on another path is another request; without it, a second cancel is a conflict.
        Assert.Equal(id, await PostedAsync($"/v1/fine_tuning/jobs/{id}/cancel", ""));
        Assert.Equal(id, await PostedAsync($"/v1/fine_tuning/jobs/{id}/cancel", ""));
        using HttpResponseMessage conflict = await server.Client.PostAsync($"/v1/fine_tuning/jobs/{id}/cancel", null);
        await conflict.ErrorAsync(HttpStatusCode.Conflict);
        Assert.Equal("false", conflict.Headers.GetValues("x-should-retry").Single());

        async Task<string> PostedAsync(string path, string body)
        {
            using HttpResponseMessage response = await PostAsync(server.Client, path, "k", body);
            return (await response.JsonAsync()).Text("id");
        }
    }

    [Fact]
    public async Task Owners_DoNotMeetInAKey()
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite);
        using HttpClient ada = await server.CreateClientAsync(KeyRole.User, "ada"), bob = await server.CreateClientAsync(KeyRole.User, "bob");
        using HttpResponseMessage first = await UploadAsync(ada, "k", ApiServer.GoodRow, "aaa"), second = await UploadAsync(bob, "k", ApiServer.GoodRow, "aaa");
        Assert.NotEqual((await first.JsonAsync()).Text("id"), (await second.JsonAsync()).Text("id"));
    }

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task RunningRequest_IsAConflictThatPasses(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, provider);
        var rest = new TaskCompletionSource();
        using HttpRequestMessage slow = new(HttpMethod.Post, "/v1/files") { Content = new SlowForm(rest.Task), Headers = { { "Idempotency-Key", "k" } } };
        Task<HttpResponseMessage> running = server.Client.SendAsync(slow);
        await using TrainingDbContext db = server.CreateContext();
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!await db.IdempotencyRecords.AnyAsync(patience.Token)) await Task.Delay(10, patience.Token);

        using HttpResponseMessage refused = await UploadAsync(server.Client, "k", ApiServer.GoodRow, SlowForm.Boundary);
        Assert.Equal("idempotency_key_in_use", (await refused.ErrorAsync(HttpStatusCode.Conflict)).Text("code"));
        Assert.Equal(1, refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds);
        // SDKs retry a 409 unless they are told not to.
        Assert.False(refused.Headers.Contains("x-should-retry"));
        rest.SetResult();
        using HttpResponseMessage answer = await running;
        await answer.JsonAsync();
    }

    [Theory]
    [InlineData(-16, false, true)]
    [InlineData(-14, false, false)]
    [InlineData(-24 * 60 - 1, true, true)]
    [InlineData(-24 * 60 + 1, true, false)]
    public async Task OldMarks_AreForgotten(int minutes, bool completed, bool forgotten)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        DateTime began = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(minutes);
        await using (TrainingDbContext db = server.CreateContext())
        {
            db.IdempotencyRecords.Add(new(IdempotencyRecord.IdOf(null, "/v1/files", "k"), began));
            await db.SaveChangesAsync();
            if (completed)
                await db.IdempotencyRecords.ExecuteUpdateAsync(set => set.SetProperty(r => r.CompletedAt, began).SetProperty(r => r.StatusCode, 200).SetProperty(r => r.Body, "{}").SetProperty(r => r.PayloadHash, "other"));
        }
        using HttpResponseMessage response = await UploadAsync(server.Client, "k", ApiServer.GoodRow, "aaa");
        if (forgotten) await response.JsonAsync();
        else await response.ErrorAsync(completed ? HttpStatusCode.UnprocessableEntity : HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task UnfitKey_IsRefused()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        using HttpResponseMessage response = await UploadAsync(server.Client, new string('k', 256), ApiServer.GoodRow, "aaa");
        Assert.Equal("Idempotency-Key", (await response.ErrorAsync(HttpStatusCode.BadRequest)).Param());
        Assert.Empty(server.StoredPaths());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(4096)]
    public async Task Digest_LeavesBoundariesOut_HoweverTheBytesArrive(int chunk)
    {
        string form = await DigestAsync("--aaa\r\nx--aa-y\r\n--aaa--", "--aaa", chunk);
        Assert.Equal(form, await DigestAsync("--bb\r\nx--aa-y\r\n--bb--", "--bb", 4096));
        Assert.NotEqual(form, await DigestAsync("--aaa\r\nx--aa-z\r\n--aaa--", "--aaa", chunk));
        // Where one part ends and the next begins counts.
        Assert.NotEqual(await DigestAsync("--aaa12--aaa3", "--aaa", chunk), await DigestAsync("--aaa1--aaa23", "--aaa", chunk));
        Assert.NotEqual(await DigestAsync("x", "", chunk), await DigestAsync("", "", chunk));
    }

    private static async Task<string> DigestAsync(string body, string boundary, int chunk)
    {
        using var stream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(body));
        await using var digest = new RequestDigest(stream, System.Text.Encoding.UTF8.GetBytes(boundary));
        byte[] buffer = new byte[chunk];
        while (await digest.ReadAsync(buffer) > 0) { }
        return await digest.FinishAsync(CancellationToken.None);
    }

    private static Task<HttpResponseMessage> UploadAsync(HttpClient client, string key, string rows, string boundary)
    {
        var form = new MultipartFormDataContent(boundary) { { new StringContent("fine-tune"), "purpose" }, { new StringContent(rows), "file", "rows.jsonl" } };
        return client.SendAsync(new(HttpMethod.Post, "/v1/files") { Content = form, Headers = { { "Idempotency-Key", key } } });
    }

    private static Task<HttpResponseMessage> PostAsync(HttpClient client, string path, string key, string json) =>
        client.SendAsync(new(HttpMethod.Post, path) { Content = new StringContent(json, new MediaTypeHeaderValue("application/json")), Headers = { { "Idempotency-Key", key } } });

    /// <summary>A good upload whose end comes when the test says so.</summary>
    private sealed class SlowForm : HttpContent
    {
        public const string Boundary = "slow";
        private readonly Task _rest;

        public SlowForm(Task rest)
        {
            _rest = rest;
            Headers.ContentType = MediaTypeHeaderValue.Parse($"multipart/form-data; boundary={Boundary}");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\r\n" };
            await writer.WriteAsync($"--{Boundary}\r\nContent-Disposition: form-data; name=purpose\r\n\r\nfine-tune\r\n");
            await writer.FlushAsync();
            await stream.FlushAsync();
            await _rest;
            await writer.WriteAsync($"--{Boundary}\r\nContent-Disposition: form-data; name=file; filename=rows.jsonl\r\n\r\n{ApiServer.GoodRow}\r\n--{Boundary}--\r\n");
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
