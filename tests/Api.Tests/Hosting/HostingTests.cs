using System.Net;

namespace TrainingService.Api.Tests.Hosting;

public sealed class HostingTests(ApiServer server) : IClassFixture<ApiServer>
{
    [Fact]
    public async Task Health_IsLiveAndReady()
    {
        foreach (string path in new[] { "/health/live", "/health/ready" })
            Assert.Equal("Healthy", await server.Client.GetStringAsync(path));
    }

    [Fact]
    public async Task Root_LeadsToSwagger()
    {
        Assert.Contains("swagger-ui", await server.Client.GetStringAsync("/"));
    }

    [Theory]
    [InlineData("abc-DEF_1.2:3", true)]
    [InlineData("two words", false)]
    [InlineData("<script>", false)]
    [InlineData("", false)]
    public async Task RequestId_IsTheClientsWhenItIsSane(string given, bool kept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.TryAddWithoutValidation("X-Request-Id", given);
        using HttpResponseMessage response = await server.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        string id = response.Headers.GetValues("x-request-id").Single();
        if (kept) Assert.Equal(given, id);
        else Assert.Matches("^req_[0-9a-f]{32}$", id);
    }

    [Fact]
    public async Task OverlongRequestId_IsReplaced()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/health/live") { Headers = { { "X-Request-Id", new string('a', 129) } } };
        using HttpResponseMessage response = await server.Client.SendAsync(request);
        Assert.StartsWith("req_", response.Headers.GetValues("x-request-id").Single());
    }
}
