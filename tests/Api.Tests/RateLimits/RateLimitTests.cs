using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrainingService.Domain.Keys;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.RateLimits;

public sealed class RateLimitTests(PostgresServer postgres)
{
    [Fact]
    public async Task EachKey_HasItsOwnLimit_AndIsToldOfIt()
    {
        // One request comes back in half a minute: none does within the test.
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite, ("RateLimits:RequestsPerMinute", "2"));
        using HttpClient ada = await server.CreateClientAsync(KeyRole.User, "ada"), other = await server.CreateClientAsync(KeyRole.User, "ada");
        foreach (string remaining in new[] { "1", "0" })
        {
            using HttpResponseMessage response = await ada.GetAsync("/v1/files");
            await response.JsonAsync();
            Assert.Equal(["2", remaining], new[] { "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests" }.Select(h => response.Headers.GetValues(h).Single()));
            Assert.Matches(@"^\d+(\.\d+)?s$", response.Headers.GetValues("x-ratelimit-reset-requests").Single());
        }
        using HttpResponseMessage refused = await ada.GetAsync("/v1/files");
        JsonObject error = await refused.ErrorAsync(HttpStatusCode.TooManyRequests);
        Assert.Equal(("rate_limit_error", "rate_limit_exceeded"), (error.Text("type"), error.Text("code")));
        Assert.Equal(30, refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds);
        Assert.Equal("0", refused.Headers.GetValues("x-ratelimit-remaining-requests").Single());

        using HttpResponseMessage untouched = await other.GetAsync("/v1/files");
        await untouched.JsonAsync();
        for (int i = 0; i < 5; i++) Assert.Equal("Healthy", await server.Client.GetStringAsync("/health/live"));
    }

    [Fact]
    public async Task RequestsWithoutAUsableKey_AreLimitedByAddress()
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite, ("RateLimits:RequestsPerMinute", "2"));
        HttpStatusCode[] answers = new HttpStatusCode[3];
        for (int i = 0; i < answers.Length; i++)
        {
            using HttpClient guesser = server.CreateClient($"sk-guess{i}");
            using HttpResponseMessage response = await guesser.GetAsync("/v1/files");
            answers[i] = response.StatusCode;
        }
        Assert.Equal([HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.TooManyRequests], answers);
        using HttpClient ada = await server.CreateClientAsync(KeyRole.User, "ada");
        using HttpResponseMessage good = await ada.GetAsync("/v1/files");
        await good.JsonAsync();
    }

    [Fact]
    public async Task OpenStreams_OfAKey_AreLimited_UntilOneIsClosed()
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite, ("RateLimits:Streams", "1"));
        using HttpClient ada = await server.CreateClientAsync(KeyRole.User, "ada"), other = await server.CreateClientAsync(KeyRole.User, "ada");
        string job = await CreateJobAsync(server, ada), stream = $"/v1/fine_tuning/jobs/{job}/events?stream=true";
        using (HttpResponseMessage open = await ada.GetAsync(stream, HttpCompletionOption.ResponseHeadersRead))
        {
            Assert.Equal("text/event-stream", open.Content.Headers.ContentType!.MediaType);
            using HttpResponseMessage refused = await ada.GetAsync(stream);
            JsonObject error = await refused.ErrorAsync(HttpStatusCode.TooManyRequests);
            Assert.Equal(("rate_limit_exceeded", "This key has 1 streams of events open, which is all that it may have. Close one first."), (error.Text("code"), error.Message()));
            Assert.NotNull(refused.Headers.RetryAfter);
            using HttpResponseMessage list = await ada.GetAsync($"/v1/fine_tuning/jobs/{job}/events");
            await list.JsonAsync();
            using HttpResponseMessage others = await other.GetAsync(stream, HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal(HttpStatusCode.OK, others.StatusCode);
        }
        // The server hears of the end in its own time.
        HttpStatusCode status;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        do
        {
            await Task.Delay(20, patience.Token);
            using HttpResponseMessage again = await ada.GetAsync(stream, HttpCompletionOption.ResponseHeadersRead, patience.Token);
            status = again.StatusCode;
        }
        while (status == HttpStatusCode.TooManyRequests);
        Assert.Equal(HttpStatusCode.OK, status);
    }

    private static async Task<string> CreateJobAsync(ApiServer server, HttpClient client)
    {
        using var form = new MultipartFormDataContent { { new StringContent("fine-tune"), "purpose" }, { new StringContent(ApiServer.GoodRow), "file", "rows.jsonl" } };
        using HttpResponseMessage uploaded = await client.PostAsync("/v1/files", form);
        using HttpResponseMessage created = await client.PostAsJsonAsync("/v1/fine_tuning/jobs", new { model = "demo-model", training_file = (await uploaded.JsonAsync()).Text("id"), method = new { type = "dpo" } });
        return (await created.JsonAsync()).Text("id");
    }

    [Fact]
    public async Task WithoutKeys_ThereIsNoLimit()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, ("RateLimits:RequestsPerMinute", "1"));
        for (int i = 0; i < 3; i++) await server.GetAsync("/v1/files");
    }
}
