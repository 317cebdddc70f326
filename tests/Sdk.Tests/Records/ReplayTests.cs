using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TrainingService.Tests;

namespace TrainingService.Sdk.Tests.Records;

/// <summary>
/// The recorded sessions with the real service, request by request: the same status, the same keys, values of the same
/// kinds, but for the listed differences. Ids and contents are not in the records: equivalents take their places.
/// </summary>
public sealed partial class ReplayTests(RunningService service) : IAsyncLifetime
{
    private static readonly SemaphoreSlim s_training = new(1);
    private static string? s_trainedJob;

    private readonly HttpClient _http = service.Http();
    private readonly Dictionary<string, string> _ours = [];

    // Lists hold what these sessions made, and nothing of the other suites.
    public async ValueTask InitializeAsync() => _http.DefaultRequestHeaders.Authorization = new("Bearer", await service.CreateKeyAsync("user", "replay"));

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }

    public static TheoryData<string> Sessions => RecordedSession.Names;

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Sessions))]
    public async Task Session_IsAnsweredAsRecorded(string name)
    {
        string job = await TrainedJobAsync();
        foreach (JsonObject exchange in await RecordedSession.ReadAsync(name))
        {
            using HttpResponseMessage response = await RepeatAsync(exchange, job);
            string body = await response.Content.ReadAsStringAsync();
            Assert.True(exchange["StatusCode"]!.GetValue<int>() == (int)response.StatusCode, $"{exchange["RequestMethod"]} {exchange["RequestUri"]} answered {(int)response.StatusCode}: {body}");
            Compare(exchange["ResponseBody"]!, JsonNode.Parse(body)!);
        }
    }

    [Fact]
    public void AllSessions_AreThere()
    {
        RepositoryRoot.SharedPath("data", "openai", "session-records");
        Assert.Equal(46, Sessions.Count);
    }

    private async Task<HttpResponseMessage> RepeatAsync(JsonObject exchange, string trainedJob)
    {
        string uri = new Uri(exchange["RequestUri"]!.GetValue<string>()).PathAndQuery;
        // Of the listed jobs one has checkpoints.
        string path = uri.EndsWith("/checkpoints", StringComparison.Ordinal) ? $"/v1/fine_tuning/jobs/{trainedJob}/checkpoints" : WithOurIds(uri);
        string method = exchange["RequestMethod"]!.GetValue<string>();
        if (method != "POST") return await _http.SendAsync(new(new(method), path));
        if (path == "/v1/files") return await UploadAsync(exchange["ResponseBody"]!);
        if (exchange["RequestBody"] is not JsonObject body) return await _http.PostAsync(path, null);
        return await CreateJobAsync(body.DeepClone().AsObject());
    }

    // The form is not recorded; the answer tells what it held.
    private async Task<HttpResponseMessage> UploadAsync(JsonNode answer)
    {
        string purpose = answer["purpose"]?.GetValue<string>() ?? "world_domination";
        var content = new ByteArrayContent(new byte[answer["bytes"]?.GetValue<int>() ?? 3_162_696]);
        using var form = new MultipartFormDataContent { { content, "file", answer["filename"]?.GetValue<string>() ?? "images_dog_and_cat.png" }, { new StringContent(purpose), "purpose" } };
        return await _http.PostAsync("/v1/files", form);
    }

    private async Task<HttpResponseMessage> CreateJobAsync(JsonObject body)
    {
        if (body["model"]!.GetValue<string>() != "gpt-nonexistent") body["model"] = Samples.Model;
        foreach (string field in new[] { "training_file", "validation_file" })
            if (body[field]?.GetValue<string>() is { } id && id.StartsWith("file-", StringComparison.Ordinal))
                body[field] = _ours.TryGetValue(id, out string? known) ? known : _ours[id] = await UploadSampleAsync();
        return await _http.PostAsJsonAsync("/v1/fine_tuning/jobs", body);
    }

    private void Compare(JsonNode recorded, JsonNode ours)
    {
        Map(recorded, ours);
        List<string> differences = [];
        Compare(recorded, ours, KindOf(recorded), "", differences);
        Assert.True(differences.Count == 0, $"{string.Join('\n', differences)}\nrecorded: {recorded.ToJsonString()}\nours: {ours.ToJsonString()}");
        foreach (string exact in new[] { "filename", "purpose", "bytes", "deleted", "object", "suffix" })
            Assert.Equal(recorded[exact]?.ToJsonString(), ours[exact]?.ToJsonString());
        if (recorded["error"]?["message"] is { } message)
        {
            Assert.StartsWith(message.GetValue<string>(), ours["error"]!["message"]!.GetValue<string>().Split('\n').First(line => line.Contains(message.GetValue<string>(), StringComparison.Ordinal)), StringComparison.Ordinal);
            foreach (string exact in new[] { "type", "code" }) Assert.Equal(recorded["error"]![exact]?.GetValue<string>(), ours["error"]![exact]?.GetValue<string>());
        }
    }

    private static void Compare(JsonNode recorded, JsonNode ours, string kind, string path, List<string> differences)
    {
        if (Kind(recorded) != Kind(ours))
        {
            if (!Difference.IsKnown(kind, path, DifferenceKind.Kind)) differences.Add($"{kind} {path}: {Kind(recorded)} is {Kind(ours)} here");
        }
        else if (recorded is JsonArray { Count: > 0 } items)
        {
            if (ours.AsArray().Count == 0) differences.Add($"{kind} {path} is empty here");
            foreach (JsonNode? item in ours.AsArray()) Compare(items[0]!, item!, KindOf(items[0]!), "", differences);
        }
        else if (recorded is JsonObject fields)
        {
            foreach ((string name, JsonNode? value) in fields)
            {
                string field = path.Length == 0 ? name : $"{path}.{name}";
                if (!ours.AsObject().TryGetPropertyValue(name, out JsonNode? our))
                {
                    if (!Difference.IsKnown(kind, field, DifferenceKind.Absent)) differences.Add($"{kind} {field} is missing here");
                }
                // Null says that there is none, there and here.
                else if (value is not null && our is not null) Compare(value, our, kind, field, differences);
            }
            foreach (string name in ours.AsObject().Select(f => f.Key).Where(f => !fields.ContainsKey(f)))
                if (!Difference.IsKnown(kind, path.Length == 0 ? name : $"{path}.{name}", DifferenceKind.Added)) differences.Add($"{kind} {path}.{name} is not in the record");
        }
    }

    private static JsonValueKind Kind(JsonNode node) => node.GetValueKind() is JsonValueKind.False ? JsonValueKind.True : node.GetValueKind();

    private static string KindOf(JsonNode body) => body["object"]?.GetValue<string>() ?? (body["error"] is null ? "" : "error");

    /// <summary>Notes which of our ids answers to which recorded one.</summary>
    private void Map(JsonNode recorded, JsonNode ours)
    {
        if (recorded["id"] is { } id && ours["id"] is { } our) _ours[id.GetValue<string>()] = our.GetValue<string>();
        if (recorded["data"] is not JsonArray theirs || ours["data"] is not JsonArray data) return;
        foreach ((JsonNode? their, JsonNode? item) in theirs.Zip(data)) _ours.TryAdd(their!["id"]!.GetValue<string>(), item!["id"]!.GetValue<string>());
    }

    private string WithOurIds(string uri) => Id().Replace(uri, id => _ours.GetValueOrDefault(id.Value, id.Value));

    private async Task<string> UploadSampleAsync()
    {
        using var form = new MultipartFormDataContent { { new StringContent("fine-tune"), "purpose" }, { new ByteArrayContent(Samples.Conversations.ToArray()), "file", "rows.jsonl" } };
        return (await (await _http.PostAsync("/v1/files", form)).EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonObject>())!["id"]!.GetValue<string>();
    }

    /// <summary>A job with checkpoints, trained once for all sessions, and one like it before: the recorded account lists several as well, whichever session comes first.</summary>
    private async Task<string> TrainedJobAsync()
    {
        await s_training.WaitAsync();
        try
        {
            if (s_trainedJob is not null) return s_trainedJob;
            await CreateSupervisedJobAsync();
            string id = await CreateSupervisedJobAsync();
            string status;
            do
            {
                await Task.Delay(100);
                status = (await _http.GetFromJsonAsync<JsonObject>($"/v1/fine_tuning/jobs/{id}"))!["status"]!.GetValue<string>();
            }
            while (status is not ("succeeded" or "failed"));
            Assert.Equal("succeeded", status);
            return s_trainedJob = id;
        }
        finally
        {
            s_training.Release();
        }
    }

    private async Task<string> CreateSupervisedJobAsync()
    {
        using HttpResponseMessage created = await _http.PostAsJsonAsync("/v1/fine_tuning/jobs", new
        {
            model = Samples.Model, training_file = await UploadSampleAsync(),
            method = new { type = "supervised", supervised = new { hyperparameters = new { batch_size = 2, max_steps = 2, max_length = 128, logging_steps = 1, save_strategy = "steps", save_steps = 1 } } },
        });
        return (await created.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonObject>())!["id"]!.GetValue<string>();
    }

    [GeneratedRegex("(file|ftjob)-[A-Za-z0-9]{22,}")]
    private static partial Regex Id();
}
