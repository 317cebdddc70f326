using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Files;

public sealed class FileEndpointsTests(ApiServer server, PostgresServer postgres) : IClassFixture<ApiServer>
{
    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task List_PagesInBothOrders(StorageProvider provider)
    {
        await using ApiServer own = await ApiServer.StartAsync(postgres, provider);
        JsonObject none = await own.GetAsync("/v1/files");
        Assert.Empty(none.Ids());
        Assert.False(none["has_more"]!.GetValue<bool>());
        Assert.Null(none["first_id"]);

        List<string> ids = [];
        for (int i = 0; i < 5; i++) ids.Add(await own.UploadGoodFileAsync());
        using (HttpResponseMessage other = await own.UploadTextAsync("x", "x.txt", "user_data")) await other.JsonAsync();

        Assert.Equal(ids, await AllPagesAsync(own, "/v1/files?purpose=fine-tune&limit=2&order=asc"));
        Assert.Equal(ids.AsEnumerable().Reverse(), await AllPagesAsync(own, "/v1/files?purpose=fine-tune&limit=2"));
        Assert.Equal(6, (await own.GetAsync("/v1/files")).Ids().Length);
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=10001", "limit")]
    [InlineData("limit=many", "limit")]
    [InlineData("order=up", "order")]
    [InlineData("purpose=war", "purpose")]
    [InlineData("after=file-none", "after")]
    public async Task BadListQuery_NamesItsParameter(string query, string param)
    {
        using HttpResponseMessage response = await server.Client.GetAsync($"/v1/files?{query}");
        JsonObject error = await response.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal(param, error.Param());
        Assert.Contains(query.Split('=')[1], error.Message());
    }

    [Fact]
    public async Task Content_IsTheBytesInWholeAndInPart()
    {
        string path = $"/v1/files/{await server.UploadGoodFileAsync()}/content";
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Range = new RangeHeaderValue(2, 5) } };
        request.Headers.Accept.ParseAdd("application/json");
        using HttpResponseMessage part = await server.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal(ApiServer.GoodRow[2..6], await part.Content.ReadAsStringAsync());

        using HttpResponseMessage whole = await server.Client.GetAsync(path);
        Assert.Equal(ApiServer.GoodRow, await whole.Content.ReadAsStringAsync());
        Assert.Equal(ApiServer.GoodRow.Length, whole.Content.Headers.ContentLength);
        Assert.Equal("rows.jsonl", whole.Content.Headers.ContentDisposition?.FileName);

        using var again = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { IfNoneMatch = { whole.Headers.ETag! } } };
        using HttpResponseMessage unchanged = await server.Client.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    [Fact]
    public async Task Delete_RemovesRecordAndBytes()
    {
        string id = await server.UploadGoodFileAsync();
        using (HttpResponseMessage response = await server.Client.DeleteAsync($"/v1/files/{id}"))
        {
            JsonObject deleted = await response.JsonAsync();
            Assert.Equal((id, "file", true), (deleted.Text("id"), deleted.Text("object"), deleted["deleted"]!.GetValue<bool>()));
        }
        Assert.DoesNotContain(server.StoredPaths(), path => path.Contains(id));
        foreach (string path in new[] { $"/v1/files/{id}", $"/v1/files/{id}/content" })
        {
            using HttpResponseMessage gone = await server.Client.GetAsync(path);
            JsonObject error = await gone.ErrorAsync(HttpStatusCode.NotFound);
            Assert.Equal($"No such File object: {id}", error.Message());
            Assert.Equal("id", error.Param());
        }
        using HttpResponseMessage twice = await server.Client.DeleteAsync($"/v1/files/{id}");
        await twice.ErrorAsync(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Delete_IsRefusedWhileAJobNeedsTheFile()
    {
        string validation = await server.UploadGoodFileAsync();
        JsonObject job = await server.CreateGoodJobAsync("", $", \"validation_file\": \"{validation}\"");
        foreach (string file in new[] { job.Text("training_file"), validation })
        {
            using HttpResponseMessage refused = await server.Client.DeleteAsync($"/v1/files/{file}");
            JsonObject error = await refused.ErrorAsync(HttpStatusCode.Conflict);
            Assert.Contains($"needed by job {job.Text("id")}, which is queued", error.Message());
            Assert.Equal("false", refused.Headers.GetValues("x-should-retry").Single());
        }
        using (HttpResponseMessage cancelled = await server.Client.PostAsync($"/v1/fine_tuning/jobs/{job.Text("id")}/cancel", null)) await cancelled.JsonAsync();
        using HttpResponseMessage deleted = await server.Client.DeleteAsync($"/v1/files/{validation}");
        await deleted.JsonAsync();
    }

    [Fact]
    public async Task ExpiredFile_IsGone()
    {
        string id = await server.UploadGoodFileAsync();
        await using (TrainingDbContext db = server.CreateContext())
            await db.Files.Where(f => f.Id == id).ExecuteUpdateAsync(set => set.SetProperty(f => f.ExpiresAt, f => f.CreatedAt));
        using HttpResponseMessage response = await server.Client.GetAsync($"/v1/files/{id}");
        await response.ErrorAsync(HttpStatusCode.NotFound);
        Assert.DoesNotContain(id, (await server.GetAsync("/v1/files")).Ids());
        using HttpResponseMessage create = await server.CreateJobAsync($$"""{"model": "demo-model", "training_file": "{{id}}", "method": {"type": "dpo"} }""");
        Assert.Equal("training_file", (await create.ErrorAsync(HttpStatusCode.BadRequest)).Param());
    }

    [Theory]
    [InlineData("..%2F..%2Fetc%2Fpasswd")]
    [InlineData("%2E%2E%2Ftraining.db")]
    [InlineData("file-%00")]
    [InlineData("a%5C..%5Cb")]
    public async Task IdsThatLookLikePaths_AreUnknown(string id)
    {
        foreach (string path in new[] { $"/v1/files/{id}", $"/v1/files/{id}/content", $"/v1/fine_tuning/jobs/{id}", $"/v1/fine_tuning/jobs/{id}/adapter", $"/v1/models/{id}" })
        {
            using HttpResponseMessage response = await server.Client.GetAsync(path);
            Assert.True(response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.BadRequest, $"{path} answered {response.StatusCode}");
        }
    }

    internal static async Task<List<string>> AllPagesAsync(ApiServer server, string path)
    {
        List<string> ids = [];
        string after = "";
        while (true)
        {
            JsonObject page = await server.GetAsync(path + after);
            string[] here = page.Ids();
            ids.AddRange(here);
            if (here.Length > 0) Assert.Equal((here[0], here[^1]), (page.Text("first_id"), page.Text("last_id")));
            if (!page["has_more"]!.GetValue<bool>()) return ids;
            Assert.NotEmpty(here);
            after = $"&after={page.Text("last_id")}";
        }
    }
}
