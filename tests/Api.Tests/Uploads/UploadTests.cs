using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Uploads;

public sealed class UploadTests(ApiServer server, PostgresServer postgres) : IClassFixture<ApiServer>
{
    private static readonly string s_rows = string.Join('\n', Enumerable.Repeat(ApiServer.GoodRow, 40)) + "\n";

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task Parts_BecomeAFileInTheOrderOfTheirIds(StorageProvider provider)
    {
        await using ApiServer fresh = await ApiServer.StartAsync(postgres, provider);
        byte[] whole = Encoding.UTF8.GetBytes(s_rows);
        JsonObject upload = await CreateAsync(fresh, whole.Length);
        Assert.Equal(["bytes", "created_at", "expires_at", "file", "filename", "id", "object", "purpose", "status"], upload.Select(p => p.Key).Order());
        Assert.Equal(("upload", "pending", "rows.jsonl"), (upload.Text("object"), upload.Text("status"), upload.Text("filename")));
        Assert.Equal(3600, upload["expires_at"]!.GetValue<long>() - upload["created_at"]!.GetValue<long>());
        string id = upload.Text("id");

        // Cut inside rows, sent last part first.
        string second = await PartAsync(fresh, id, whole[1000..]), first = await PartAsync(fresh, id, whole[..1000]);
        JsonObject completed = await CompleteAsync(fresh, id, Convert.ToHexStringLower(MD5.HashData(whole)), first, second);
        Assert.Equal("completed", completed.Text("status"));
        JsonNode file = completed["file"]!;
        Assert.Equal(40, file["dataset"]!["rows"]!.GetValue<int>());
        Assert.True(JsonNode.DeepEquals(file, await fresh.GetAsync($"/v1/files/{file.Text("id")}")));
        Assert.Equal(whole, await fresh.Client.GetByteArrayAsync($"/v1/files/{file.Text("id")}/content"));
        Assert.Single(fresh.StoredPaths(), path => path.Contains("/files/file-", StringComparison.Ordinal));
        Assert.DoesNotContain(fresh.StoredPaths(), path => path.Contains("part_", StringComparison.Ordinal));

        // An answer that was lost is asked for again.
        Assert.True(JsonNode.DeepEquals(completed, await CompleteAsync(fresh, id, null, first, second)));
        using HttpResponseMessage late = await SendPartAsync(fresh, id, whole);
        Assert.Contains("takes no more parts", (await late.ErrorAsync(HttpStatusCode.Conflict)).Message());
        using HttpResponseMessage cancel = await fresh.Client.PostAsync($"/v1/uploads/{id}/cancel", null);
        await cancel.ErrorAsync(HttpStatusCode.Conflict);
    }

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task CompletionsAtOnce_MakeOneFile(StorageProvider provider)
    {
        await using ApiServer fresh = await ApiServer.StartAsync(postgres, provider);
        string id = (await CreateAsync(fresh, s_rows.Length)).Text("id");
        string part = await PartAsync(fresh, id, Encoding.UTF8.GetBytes(s_rows));
        JsonObject[] answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => CompleteAsync(fresh, id, null, part)));
        Assert.Single(answers.Select(a => a["file"]!.Text("id")).Distinct());
        Assert.Single((await fresh.GetAsync("/v1/files"))["data"]!.AsArray());
        Assert.Single(fresh.StoredPaths());
    }

    [Fact]
    public async Task CompletionThatFails_LeavesTheUploadAsItWas()
    {
        byte[] whole = Encoding.UTF8.GetBytes(s_rows);
        string id = (await CreateAsync(server, whole.Length)).Text("id");
        string first = await PartAsync(server, id, whole[..50]), second = await PartAsync(server, id, whole[50..]);
        string[] before = server.StoredPaths();

        async Task RefusedAsync(string message, string param, string? md5, params string[] parts)
        {
            using HttpResponseMessage response = await SendCompleteAsync(server, id, md5, parts);
            JsonObject error = await response.ErrorAsync(HttpStatusCode.BadRequest);
            Assert.Contains(message, error.Message());
            Assert.Equal(param, error.Param());
        }
        await RefusedAsync($"come to 50 bytes, but the upload declared {whole.Length}", "part_ids", null, first);
        await RefusedAsync("missing or empty", "part_ids", null);
        await RefusedAsync("'part_no', which is no part", "part_ids", null, first, "part_no");
        await RefusedAsync("twice", "part_ids", null, first, first);
        await RefusedAsync("have the MD5", "md5", new string('0', 32), first, second);
        await RefusedAsync("was not stored", "file", null, second, first);
        Assert.Equal(before, server.StoredPaths());
        Assert.Equal("completed", (await CompleteAsync(server, id, null, first, second)).Text("status"));
    }

    [Fact]
    public async Task CancelledUpload_LosesItsPartsAndStaysCancelled()
    {
        string[] before = server.StoredPaths();
        string id = (await CreateAsync(server, 100)).Text("id");
        string part = await PartAsync(server, id, new byte[100]);
        for (int i = 0; i < 2; i++)
        {
            using HttpResponseMessage cancel = await server.Client.PostAsync($"/v1/uploads/{id}/cancel", null);
            Assert.Equal("cancelled", (await cancel.JsonAsync()).Text("status"));
        }
        Assert.Equal(before, server.StoredPaths());
        using HttpResponseMessage complete = await SendCompleteAsync(server, id, null, part);
        Assert.Contains("was cancelled", (await complete.ErrorAsync(HttpStatusCode.Conflict)).Message());
    }

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task ExpiredUpload_TakesNothingAndIsSwept(StorageProvider provider)
    {
        await using ApiServer fresh = await ApiServer.StartAsync(postgres, provider);
        string id = (await CreateAsync(fresh, 100)).Text("id");
        string part = await PartAsync(fresh, id, new byte[100]);
        DateTime later;
        await using (TrainingDbContext db = fresh.CreateContext())
        {
            DateTime past = (await db.Uploads.SingleAsync()).CreatedAt;
            later = past.AddMinutes(1);
            await db.Uploads.ExecuteUpdateAsync(set => set.SetProperty(u => u.ExpiresAt, past));
        }
        using HttpResponseMessage late = await SendPartAsync(fresh, id, new byte[10]);
        await late.ErrorAsync(HttpStatusCode.Conflict);
        using HttpResponseMessage complete = await SendCompleteAsync(fresh, id, null, part);
        Assert.Contains("within its hour", (await complete.ErrorAsync(HttpStatusCode.Conflict)).Message());

        await using (TrainingDbContext db = fresh.CreateContext())
        {
            await db.SweepUploadsAsync(fresh.Services.GetRequiredService<IFileStore>(), later, CancellationToken.None);
            Assert.Equal(Domain.Uploads.UploadStatus.Expired, (await db.Uploads.AsNoTracking().SingleAsync()).Status);
            Assert.Empty(await db.UploadParts.ToListAsync());
        }
        Assert.Empty(fresh.StoredPaths());
    }

    [Fact]
    public async Task PartsOfOneUploadBeyondTwiceItsBytes_AreRefused()
    {
        string id = (await CreateAsync(server, 100)).Text("id");
        await PartAsync(server, id, new byte[100]);
        await PartAsync(server, id, new byte[100]);
        string[] before = server.StoredPaths();
        using HttpResponseMessage more = await SendPartAsync(server, id, new byte[1]);
        Assert.Contains("more than twice", (await more.ErrorAsync(HttpStatusCode.BadRequest)).Message());
        Assert.Equal(before, server.StoredPaths());
    }

    [Theory]
    [InlineData("""{"purpose": "fine-tune", "bytes": 5, "mime_type": "text/jsonl"}""", "filename", "filename is missing")]
    [InlineData("""{"filename": "a", "purpose": "world_domination", "bytes": 5, "mime_type": "a/b"}""", "purpose", "'world_domination' is not one of")]
    [InlineData("""{"filename": "a", "purpose": "fine-tune", "bytes": 0, "mime_type": "a/b"}""", "bytes", "bytes is 0")]
    [InlineData("""{"filename": "a", "purpose": "fine-tune", "bytes": "many", "mime_type": "a/b"}""", "bytes", "bytes must be a whole number")]
    [InlineData("""{"filename": "a", "purpose": "fine-tune", "bytes": 5}""", "mime_type", "mime_type is missing")]
    [InlineData("""{"filename": "a", "purpose": "fine-tune", "bytes": 5, "mime_typ": "a/b"}""", "mime_typ", "Did you mean 'mime_type'?")]
    [InlineData("""{"filename": "a", "purpose": "fine-tune", "bytes": 5, "mime_type": "a/b", "expires_after": {"anchor": "created_at", "seconds": 5}}""", "expires_after.seconds", "from 3600")]
    [InlineData("[]", null, "must be one valid JSON object")]
    public async Task BadUpload_SaysWhatToChange(string body, string? param, string message)
    {
        using HttpResponseMessage response = await PostAsync(server, "/v1/uploads", body);
        JsonObject error = await response.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal(param, error.Param());
        Assert.Contains(message, error.Message());
    }

    [Fact]
    public async Task TooLargeUploadOrPart_IsRefused()
    {
        using HttpResponseMessage upload = await PostAsync(server, "/v1/uploads", """{"filename": "a", "purpose": "fine-tune", "bytes": 999999999999, "mime_type": "a/b"}""");
        await upload.ErrorAsync(HttpStatusCode.RequestEntityTooLarge);
        string id = (await CreateAsync(server, 100 << 20)).Text("id");
        string[] before = server.StoredPaths();
        using HttpResponseMessage part = await SendPartAsync(server, id, new byte[(64 << 20) + 1]);
        Assert.Equal("data", (await part.ErrorAsync(HttpStatusCode.RequestEntityTooLarge)).Param());
        Assert.Equal(before, server.StoredPaths());
    }

    [Fact]
    public async Task UnknownUpload_IsNotFound()
    {
        foreach (Task<HttpResponseMessage> request in new[] { SendPartAsync(server, "upload_no", [1]), SendCompleteAsync(server, "upload_no", null, "part_1"), server.Client.PostAsync("/v1/uploads/upload_no/cancel", null) })
        {
            using HttpResponseMessage response = await request;
            Assert.Equal("No such Upload object: upload_no", (await response.ErrorAsync(HttpStatusCode.NotFound)).Message());
        }
    }

    private static async Task<JsonObject> CreateAsync(ApiServer api, long bytes)
    {
        using HttpResponseMessage response = await PostAsync(api, "/v1/uploads", $$"""{"filename": "rows.jsonl", "purpose": "fine-tune", "bytes": {{bytes}}, "mime_type": "text/jsonl"}""");
        return await response.JsonAsync();
    }

    private static async Task<string> PartAsync(ApiServer api, string id, byte[] bytes)
    {
        using HttpResponseMessage response = await SendPartAsync(api, id, bytes);
        JsonObject part = await response.JsonAsync();
        Assert.Equal(("upload.part", id), (part.Text("object"), part.Text("upload_id")));
        return part.Text("id");
    }

    private static async Task<HttpResponseMessage> SendPartAsync(ApiServer api, string id, byte[] bytes)
    {
        using var form = new MultipartFormDataContent { { new ByteArrayContent(bytes), "data", "blob" } };
        return await api.Client.PostAsync($"/v1/uploads/{id}/parts", form);
    }

    private static async Task<JsonObject> CompleteAsync(ApiServer api, string id, string? md5, params string[] parts)
    {
        using HttpResponseMessage response = await SendCompleteAsync(api, id, md5, parts);
        return await response.JsonAsync();
    }

    private static Task<HttpResponseMessage> SendCompleteAsync(ApiServer api, string id, string? md5, params string[] parts) =>
        PostAsync(api, $"/v1/uploads/{id}/complete", JsonSerializer.Serialize(new { part_ids = parts, md5 }));

    private static async Task<HttpResponseMessage> PostAsync(ApiServer api, string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        return await api.Client.PostAsync(path, content);
    }
}
