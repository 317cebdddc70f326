using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;
using TrainingService.Tests;

namespace TrainingService.Api.Tests;

/// <summary>Our answers have every key of the real service's recorded ones, with values of the same kind.</summary>
public sealed class RecordedSessionTests(ApiServer server) : IClassFixture<ApiServer>
{
    private static readonly DateTime s_now = new(2026, 5, 1, 12, 0, 0, DateTimeKind.Utc);

    [Theory]
    [InlineData("FilesTests/GetFile.json", 0, "file")]
    [InlineData("FilesTests/DeleteFile(False).json", 1, "deletion")]
    [InlineData("FilesTests/ListFiles.json", 3, "files")]
    [InlineData("FineTuningClientTests/GetJobEvents.json", 1, "cancelled")]
    [InlineData("FineTuningClientTests/GetJobEvents.json", 2, "events")]
    [InlineData("FineTuningClientTests/GetJobs.json", 0, "jobs")]
    [InlineData("FineTuningClientTests/GetCheckpoints.json", 1, "checkpoints")]
    [InlineData("FilesTests/GetFileCanParseServiceError.json", 0, "no file")]
    [InlineData("FilesTests/UploadFileCanParseServiceError.json", 0, "bad purpose")]
    [InlineData("FineTuningClientTests/ExceptionThrownOnInvalidFileName.json", 0, "bad training file")]
    public async Task Answer_HasTheRecordedKeysAndKinds(string session, int entry, string ours)
    {
        JsonNode recorded = JsonNode.Parse(await File.ReadAllTextAsync(RepositoryRoot.SharedPath("data", "openai", "session-records", session)))!["Entries"]![entry]!;
        using HttpResponseMessage answer = await AnswerAsync(ours);
        Assert.Equal(recorded["StatusCode"]!.GetValue<int>(), (int)answer.StatusCode);
        AssertSameKinds(recorded["ResponseBody"]!, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!, ours);
    }

    private async Task<HttpResponseMessage> AnswerAsync(string ours)
    {
        string file = await server.UploadGoodFileAsync();
        string job = (await server.CreateGoodJobAsync()).Text("id");
        switch (ours)
        {
            case "file": return await server.Client.GetAsync($"/v1/files/{file}");
            case "deletion": return await server.Client.DeleteAsync($"/v1/files/{file}");
            case "files": return await server.Client.GetAsync("/v1/files");
            case "cancelled": return await server.Client.PostAsync($"/v1/fine_tuning/jobs/{job}/cancel", null);
            case "events": return await server.Client.GetAsync($"/v1/fine_tuning/jobs/{job}/events");
            case "jobs": return await server.Client.GetAsync("/v1/fine_tuning/jobs");
            case "no file": return await server.Client.GetAsync("/v1/files/fake_id");
            case "bad purpose": return await server.UploadTextAsync("x", "x.txt", "world_domination");
            case "bad training file": return await server.CreateJobAsync("""{"model": "demo-model", "training_file": "Invalid File Name", "method": {"type": "dpo"}}""");
            default:
                await using (TrainingDbContext db = server.CreateContext())
                {
                    db.Checkpoints.Add(new JobCheckpoint("ftckpt_1", job, 10, "ft:demo-model:local::1:ckpt-step-10", "adapters/1", """{"step": 10, "train_loss": 0.5}""", s_now));
                    await db.SaveChangesAsync();
                }
                return await server.Client.GetAsync($"/v1/fine_tuning/jobs/{job}/checkpoints");
        }
    }

    private static JsonValueKind Kind(JsonNode node) => node.GetValueKind() is JsonValueKind.False ? JsonValueKind.True : node.GetValueKind();

    private static void AssertSameKinds(JsonNode recorded, JsonNode ours, string path)
    {
        Assert.Equal(Kind(recorded), Kind(ours));
        if (recorded is JsonArray { Count: > 0 } items)
        {
            Assert.NotEmpty(ours.AsArray());
            AssertSameKinds(items[0]!, ours[0]!, path + "[0]");
        }
        if (recorded is not JsonObject fields) return;
        foreach ((string name, JsonNode? value) in fields)
        {
            // What a method or a metric is called differs; RFC 9457's detail is text where the recorded one is an object.
            if (name is "method" or "metrics" or "hyperparameters" or "detail") continue;
            Assert.True(ours.AsObject().ContainsKey(name), $"{path}.{name} is missing.");
            // Null stands for "none" on both sides; the recorded error of a job without one is an empty object.
            if (value is null || ours[name] is null || value is JsonObject { Count: 0 }) continue;
            AssertSameKinds(value, ours[name]!, $"{path}.{name}");
        }
    }
}
