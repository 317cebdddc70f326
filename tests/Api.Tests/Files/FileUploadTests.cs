using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Files;

public sealed class FileUploadTests(ApiServer server) : IClassFixture<ApiServer>
{
    [Fact]
    public async Task Upload_AnswersWithTheFilesRecord()
    {
        string text = ApiServer.GoodRow + "\n" + ApiServer.GoodRow + "\n";
        using HttpResponseMessage response = await server.UploadTextAsync(text, "colours.jsonl");
        JsonObject file = await response.JsonAsync();

        Assert.Matches("^file-[A-Za-z0-9]{22}$", file.Text("id"));
        Assert.Equal("file", file.Text("object"));
        Assert.Equal("colours.jsonl", file.Text("filename"));
        Assert.Equal("fine-tune", file.Text("purpose"));
        Assert.Equal("processed", file.Text("status"));
        Assert.Equal(text.Length, file["bytes"]!.GetValue<int>());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))), file.Text("sha256"));
        Assert.Equal("trl_text", file["dataset"]!.Text("format"));
        Assert.Equal(2, file["dataset"]!["rows"]!.GetValue<int>());
        Assert.True(JsonNode.DeepEquals(file, await server.GetAsync($"/v1/files/{file.Text("id")}")));
    }

    [Theory]
    [InlineData("dpo_en_demo.single-turn.prompt-chosen-rejected.csv.gz", "trl_text", 114)]
    [InlineData("zen.conversational_preference.duckdb-zstd.parquet", "trl_messages", 19)]
    public async Task OtherContainersThanJsonLines_GoThroughWhateverTheirName(string name, string format, int rows)
    {
        byte[] bytes = await File.ReadAllBytesAsync(RepositoryRoot.SharedPath("data", "preference", "formats", name));
        using HttpResponseMessage response = await server.UploadAsync(
            ("purpose", new StringContent("fine-tune"), null), ("file", new ByteArrayContent(bytes), "rows.jsonl"));
        JsonObject file = await response.JsonAsync();
        Assert.Equal(format, file["dataset"]!.Text("format"));
        Assert.Equal(rows, file["dataset"]!["rows"]!.GetValue<int>());
        Assert.Equal(bytes.Length, file["bytes"]!.GetValue<int>());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), file.Text("sha256"));
    }

    [Fact]
    public async Task OptionalFieldsLeftEmpty_CountAsLeftOut_AsSwaggersFormSendsThem()
    {
        using HttpResponseMessage response = await server.UploadAsync(
            ("file", new StringContent(ApiServer.GoodRow), "rows.jsonl"), ("purpose", new StringContent("fine-tune"), null),
            ("expires_after[anchor]", new StringContent(""), null), ("expires_after[seconds]", new StringContent(""), null));
        Assert.Null((await response.JsonAsync())["expires_at"]);
    }

    [Fact]
    public async Task FieldsAfterTheFile_WorkAsWell()
    {
        using HttpResponseMessage response = await server.UploadAsync(
            ("file", new StringContent(ApiServer.GoodRow), "rows.jsonl"),
            ("expires_after[seconds]", new StringContent("3600"), null), ("expires_after[anchor]", new StringContent("created_at"), null),
            ("purpose", new StringContent("fine-tune"), null));
        JsonObject file = await response.JsonAsync();
        Assert.Equal(3600, file["expires_at"]!.GetValue<long>() - file["created_at"]!.GetValue<long>());
        Assert.Equal("trl_text", file["dataset"]!.Text("format"));

        using HttpResponseMessage bad = await server.UploadAsync(
            ("file", new StringContent("{}"), "rows.jsonl"), ("purpose", new StringContent("fine-tune"), null));
        Assert.Equal("file", (await bad.ErrorAsync(HttpStatusCode.BadRequest)).Param());
    }

    [Theory]
    [InlineData("openai_preference", """{"input": {"messages": [{"role": "user", "content": "Hi"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "What?"}]}""")]
    [InlineData("trl_text", """{"prompt": "Hi", "chosen": "Hello.", "rejected": "What?"}""")]
    [InlineData("trl_messages", """{"prompt": [{"role": "user", "content": "Hi"}], "chosen": [{"role": "assistant", "content": "Hello."}], "rejected": [{"role": "assistant", "content": "What?"}]}""")]
    [InlineData("trl_implicit_text", """{"chosen": "Hi. Hello.", "rejected": "Hi. What?"}""")]
    [InlineData("trl_implicit_messages", """{"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}], "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "What?"}]}""")]
    public async Task EveryRowFormat_IsRecognised(string format, string row)
    {
        using HttpResponseMessage response = await server.UploadTextAsync(row);
        Assert.Equal(format, (await response.JsonAsync())["dataset"]!.Text("format"));
    }

    [Fact]
    public async Task BadRows_AreAllCountedAndTheFirstTwentyTold_AndNothingIsStored()
    {
        string[] before = server.StoredPaths();
        string bad = """{"prompt": "Hi", "chosen": 7, "rejected": "What?"}""";
        string rows = string.Join('\n', Enumerable.Range(1, 50).Select(i => i % 2 == 0 ? bad : ApiServer.GoodRow));
        using HttpResponseMessage response = await server.UploadTextAsync(rows, "mixed.jsonl");
        JsonObject error = await response.ErrorAsync(HttpStatusCode.BadRequest);

        string[] lines = error.Message().Split('\n');
        Assert.Equal("mixed.jsonl was not stored: 25 of 50 rows cannot be trained on. The first 20:", lines[0]);
        Assert.Equal(20, lines.Length - 1);
        Assert.StartsWith("Row 2, chosen: ", lines[1]);
        Assert.StartsWith("Row 40, chosen: ", lines[20]);
        Assert.Equal("file", error.Param());
        Assert.Equal("invalid_file", error.Text("code"));
        Assert.Equal(before, server.StoredPaths());
    }

    [Fact]
    public async Task EmptyFile_IsRefused()
    {
        using HttpResponseMessage response = await server.UploadTextAsync("\n\n");
        Assert.Contains("empty", (await response.ErrorAsync(HttpStatusCode.BadRequest)).Message());
    }

    [Fact]
    public async Task OtherPurposes_AreStoredUnread()
    {
        byte[] bytes = RandomNumberGenerator.GetBytes(100_000);
        foreach (bool purposeFirst in new[] { true, false })
        {
            (string, HttpContent, string?) purpose = ("purpose", new StringContent("vision"), null), content = ("file", new ByteArrayContent(bytes), "cat.png");
            using HttpResponseMessage response = await server.UploadAsync(purposeFirst ? [purpose, content] : [content, purpose]);
            JsonObject file = await response.JsonAsync();
            Assert.Null(file["dataset"]);
            Assert.Equal(bytes, await server.Client.GetByteArrayAsync($"/v1/files/{file.Text("id")}/content"));
        }
    }

    [Theory]
    [InlineData("你好.jsonl", "你好.jsonl")]
    [InlineData("C:\\\\data\\\\rows.jsonl", "rows.jsonl")]
    [InlineData("../../etc/passwd", "passwd")]
    public async Task Filename_IsKeptWithoutItsFolders(string sent, string kept)
    {
        // As browsers and the official SDKs send it, UTF-8 in the header; HttpClient would not.
        using HttpContent form = RawForm("--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n"
            + $"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{sent}\"\r\n\r\n{ApiServer.GoodRow}\r\n--b--\r\n");
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/files", form);
        Assert.Equal(kept, (await response.JsonAsync()).Text("filename"));
    }

    [Theory]
    [InlineData("purpose", "world_domination", "'world_domination' is not one of ['fine-tune', 'assistants', 'batch', 'user_data', 'vision', 'evals'] - 'purpose'")]
    [InlineData("purposes", "fine-tune", "The form has no field 'purposes'. Did you mean 'purpose'?")]
    [InlineData("expires_after[anchor]", "now", "expires_after[anchor] is 'now'; it must be 'created_at'.")]
    [InlineData("expires_after[anchor]", "created_at", "Give both expires_after[anchor] and expires_after[seconds], or neither.")]
    [InlineData("expires_after[seconds]", "5", "expires_after[seconds] is '5'; it must be a whole number from 3600 (an hour) to 2592000 (30 days).")]
    [InlineData("file", "again", "The form gives 'file' twice.")]
    public async Task BadField_IsNamed(string name, string value, string message)
    {
        List<(string, HttpContent, string?)> parts = [("file", new StringContent(ApiServer.GoodRow), "rows.jsonl"), (name, new StringContent(value), name == "file" ? "rows.jsonl" : null)];
        if (!name.StartsWith("purpose", StringComparison.Ordinal)) parts.Insert(0, ("purpose", new StringContent("fine-tune"), null));
        using HttpResponseMessage response = await server.UploadAsync([.. parts]);
        Assert.Equal(message, (await response.ErrorAsync(HttpStatusCode.BadRequest)).Message());
    }

    [Fact]
    public async Task MissingParts_AreNamed()
    {
        using HttpResponseMessage noFile = await server.UploadAsync(("purpose", new StringContent("fine-tune"), null));
        Assert.Equal("file", (await noFile.ErrorAsync(HttpStatusCode.BadRequest)).Param());
        using HttpResponseMessage noPurpose = await server.UploadAsync(("file", new StringContent(ApiServer.GoodRow), "rows.jsonl"));
        Assert.Equal("purpose", (await noPurpose.ErrorAsync(HttpStatusCode.BadRequest)).Param());
        using HttpResponseMessage noName = await server.UploadAsync(("purpose", new StringContent("fine-tune"), null), ("file", new StringContent(ApiServer.GoodRow), null));
        Assert.Contains("filename", (await noName.ErrorAsync(HttpStatusCode.BadRequest)).Message());
    }

    [Fact]
    public async Task TruncatedForm_IsABadRequest()
    {
        string[] before = server.StoredPaths();
        using HttpContent form = RawForm($"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"rows.jsonl\"\r\n\r\n{ApiServer.GoodRow}\n");
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/files", form);
        Assert.Contains("multipart form cannot be read", (await response.ErrorAsync(HttpStatusCode.BadRequest)).Message());
        Assert.Equal(before, server.StoredPaths());
    }

    [Theory]
    [InlineData("multipart/form-data", HttpStatusCode.BadRequest)]
    [InlineData("application/json", HttpStatusCode.UnsupportedMediaType)]
    [InlineData(null, HttpStatusCode.UnsupportedMediaType)]
    public async Task OtherBodies_AreRefused(string? contentType, HttpStatusCode status)
    {
        using var content = new ByteArrayContent("{}"u8.ToArray());
        if (contentType is not null) content.Headers.ContentType = new(contentType);
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/files", content);
        await response.ErrorAsync(status);
    }

    private static ByteArrayContent RawForm(string body) => new(Encoding.UTF8.GetBytes(body))
    {
        Headers = { ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=b") },
    };
}
