using System.Net;
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
    public async Task WithoutKeys_ThereIsNoLimit()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, ("RateLimits:RequestsPerMinute", "1"));
        for (int i = 0; i < 3; i++) await server.GetAsync("/v1/files");
    }
}
