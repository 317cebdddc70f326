using System.Net;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Errors;

public sealed class ErrorShapeTests(ApiServer server, PostgresServer postgres) : IClassFixture<ApiServer>
{
    [Theory]
    [InlineData("GET", "/v1/nothing", HttpStatusCode.NotFound, "No such endpoint: GET /v1/nothing.")]
    [InlineData("GET", "/v1", HttpStatusCode.NotFound, "No such endpoint")]
    [InlineData("GET", "/v1/files/", HttpStatusCode.OK, "")]
    [InlineData("PUT", "/v1/files", HttpStatusCode.MethodNotAllowed, "allowed: GET, POST")]
    [InlineData("PUT", "/v1/models/x", HttpStatusCode.MethodNotAllowed, "allowed: DELETE, GET")]
    [InlineData("GET", "/v1/files?limit=99999999999999999999", HttpStatusCode.BadRequest, "limit is '99999999999999999999'; it must be a whole number.")]
    [InlineData("GET", "/v1/fine_tuning/jobs/x/events?stream=perhaps", HttpStatusCode.BadRequest, "stream is 'perhaps'; it must be true or false.")]
    public async Task EveryRefusal_HasTheSameShape(string method, string path, HttpStatusCode status, string message)
    {
        using HttpResponseMessage response = await server.Client.SendAsync(new(new HttpMethod(method), path));
        if (status == HttpStatusCode.OK) await response.JsonAsync();
        else Assert.Contains(message, (await response.ErrorAsync(status)).Message());
    }

    [Fact]
    public async Task NulCharacter_IsTheClientsFaultOnPostgres()
    {
        await using ApiServer own = await ApiServer.StartAsync(postgres, StorageProvider.Postgres);
        foreach (string path in new[] { "/v1/files?after=%00", "/v1/fine_tuning/jobs?after=a%00b", "/v1/fine_tuning/jobs/x%00" })
        {
            using HttpResponseMessage response = await own.Client.GetAsync(path);
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        }
        string file = await own.UploadGoodFileAsync();
        using HttpResponseMessage job = await own.CreateJobAsync($$"""{"model": "demo-model", "training_file": "{{file}}", "method": {"type": "dpo"}, "suffix": "a\u0000b"}""");
        Assert.Contains("NUL character", (await job.ErrorAsync(HttpStatusCode.BadRequest)).Message());
    }

    [Fact]
    public async Task ServerError_TellsNothingButTheRequestsId()
    {
        await using ApiServer broken = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        await using (TrainingDbContext db = broken.CreateContext())
            await db.Database.ExecuteSqlRawAsync("""ALTER TABLE "Files" RENAME TO "Gone" """);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/files") { Headers = { { "X-Request-Id", "my-request-1" } } };
        using HttpResponseMessage response = await broken.Client.SendAsync(request);
        JsonObject error = await response.ErrorAsync(HttpStatusCode.InternalServerError);
        Assert.Equal("The server met an error while processing the request. Its log has the details under the id my-request-1.", error.Message());
        Assert.Equal("server_error", error.Text("type"));
        Assert.Equal("my-request-1", response.Headers.GetValues("x-request-id").Single());
    }
}
