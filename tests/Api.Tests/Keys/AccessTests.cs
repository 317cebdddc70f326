using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Domain.Keys;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Keys;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Keys;

/// <summary>What each role may call, asked of every endpoint there is.</summary>
public sealed class AccessTests(PostgresServer postgres)
{
    [Fact]
    public async Task EveryEndpoint_SaysWhoMayCallIt_AndOnlyTheseAreOpen()
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite);
        List<string> open = [];
        foreach (RouteEndpoint endpoint in Endpoints(server))
        {
            string name = endpoint.RoutePattern.RawText!;
            if (endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null) open.Add(name);
            else Assert.True(endpoint.Metadata.GetMetadata<IAuthorizeData>() is not null, $"{endpoint.DisplayName} has no policy.");
        }
        Assert.Equal(["/", "/hangfire/login", "/health/live", "/health/ready"], open.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task EveryCall_IsRefusedWithoutASufficientRole()
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite);
        using HttpClient stranger = server.CreateClient(null), reader = await server.CreateClientAsync(KeyRole.ReadOnly, "ada"),
            user = await server.CreateClientAsync(KeyRole.User, "ada"), admin = await server.CreateClientAsync(KeyRole.Admin, "root");
        int calls = 0;
        foreach (RouteEndpoint endpoint in Endpoints(server).Where(e => e.RoutePattern.RawText!.StartsWith("/v1", StringComparison.Ordinal)))
            foreach (string method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods)
            {
                string path = string.Join('/', endpoint.RoutePattern.PathSegments.Select(s => s.Parts[0] is Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart literal ? literal.Content : "x"));
                bool adminOnly = endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Any(a => a.Policy == KeyHosting.AdminPolicy);
                // Downloading a model fills the disk of all.
                Assert.Equal(path.StartsWith("v1/admin", StringComparison.Ordinal) || (method, path) is ("POST", "v1/models"), adminOnly);
                calls++;
                await AssertAsync(stranger, method, path, HttpStatusCode.Unauthorized);
                await AssertAsync(reader, method, path, adminOnly || (method != "GET" && path != "v1/fine_tuning/jobs/validate") ? HttpStatusCode.Forbidden : null);
                await AssertAsync(user, method, path, adminOnly ? HttpStatusCode.Forbidden : null);
                await AssertAsync(admin, method, path, null);
            }
        Assert.True(calls > 20, $"Only {calls} calls were found.");
    }

    [Theory]
    [InlineData(null, "missing_api_key")]
    [InlineData("Bearer", "invalid_api_key")]
    [InlineData("Bearer sk-unknown", "invalid_api_key")]
    [InlineData("Basic c2stdW5rbm93bg==", "invalid_api_key")]
    public async Task UnusableKey_IsToldInTheErrorsShape(string? authorization, string code)
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite);
        foreach (string path in new[] { "/v1/files", "/v1/nothing", "/nothing" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
            // SDKs send these too; they mean nothing here.
            request.Headers.Add("OpenAI-Organization", "org-x");
            using HttpResponseMessage response = await server.Client.SendAsync(request);
            JsonObject error = await response.ErrorAsync(HttpStatusCode.Unauthorized);
            Assert.Equal((code, "authentication_error"), (error.Text("code"), error.Text("type")));
            Assert.StartsWith("Bearer", response.Headers.WwwAuthenticate.Single().ToString());
        }
    }

    [Fact]
    public async Task OverlongKey_IsRefused()
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite);
        using HttpClient client = server.CreateClient("sk-" + new string('a', 10_000));
        using HttpResponseMessage response = await client.GetAsync("/v1/files");
        await response.ErrorAsync(HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData(null, null, null, HttpStatusCode.OK)]
    [InlineData("localhost", "http://localhost", "same-origin", HttpStatusCode.OK)]
    [InlineData("localhost", null, "none", HttpStatusCode.OK)]
    [InlineData("evil.example", null, null, HttpStatusCode.Unauthorized)]
    [InlineData("localhost", "http://evil.example", null, HttpStatusCode.Unauthorized)]
    [InlineData("localhost", "null", null, HttpStatusCode.Unauthorized)]
    [InlineData("localhost", "http://localhost:3000", "same-site", HttpStatusCode.Unauthorized)]
    [InlineData("localhost", null, "cross-site", HttpStatusCode.Unauthorized)]
    public async Task WithoutKeys_WebPagesOfOthersAreRefused(string? host, string? origin, string? site, HttpStatusCode status)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/files");
        if (host is not null) request.Headers.Host = host;
        if (origin is not null) request.Headers.Add("Origin", origin);
        if (site is not null) request.Headers.Add("Sec-Fetch-Site", site);
        // SDKs always send some key.
        request.Headers.Authorization = new("Bearer", "any");
        using HttpResponseMessage response = await server.Client.SendAsync(request);
        if (status == HttpStatusCode.OK) await response.JsonAsync();
        else await response.ErrorAsync(status);
    }

    private static IEnumerable<RouteEndpoint> Endpoints(ApiServer server) =>
        server.Services.GetRequiredService<IEnumerable<EndpointDataSource>>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            // Routing makes endpoints of its own that answer 405 and 415.
            .Where(e => e.RoutePattern.RawText is not null);

    /// <param name="refused">The refusal, or null for any answer that is none.</param>
    private static async Task AssertAsync(HttpClient client, string method, string path, HttpStatusCode? refused)
    {
        using HttpResponseMessage response = await client.SendAsync(new(new HttpMethod(method), path));
        if (refused is null) Assert.False(response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, $"{method} {path}: {response.StatusCode}");
        else Assert.NotNull((await response.ErrorAsync(refused.Value))["code"]);
    }
}
