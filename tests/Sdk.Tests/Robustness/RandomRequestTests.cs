using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrainingService.Sdk.Tests.Robustness;

/// <summary>Whatever comes, the service answers: never with a 500, always with an id, and errors in their one shape.</summary>
public sealed class RandomRequestTests(ITestOutputHelper output)
{
    private const int Requests = 20_000;

    [Fact]
    public async Task EveryAnswer_HasAnIdAndEveryErrorItsShape()
    {
        // A service of its own: the requests delete and cancel what they find.
        await using var service = new RunningService();
        await service.InitializeAsync();
        using HttpClient http = service.Http();
        http.Timeout = TimeSpan.FromMinutes(10);
        JsonObject description = (await http.GetFromJsonAsync<JsonObject>("/swagger/v1/swagger.json"))!;
        var requests = new RandomRequests(description, await MakeThingsAsync(http));

        var statuses = new ConcurrentDictionary<HttpStatusCode, int>();
        var problems = new ConcurrentQueue<string>();
        var clock = Stopwatch.StartNew();
        await Parallel.ForAsync(0, Requests, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (n, cancellationToken) =>
        {
            if (problems.Count >= 10) return;
            using HttpRequestMessage request = requests.Make(n);
            try
            {
                using HttpResponseMessage response = await http.SendAsync(request, cancellationToken);
                statuses.AddOrUpdate(response.StatusCode, 1, (_, count) => count + 1);
                if (await ProblemAsync(request, response) is { } problem) problems.Enqueue($"request {n}: {request.Method} {request.RequestUri}: {problem}");
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                problems.Enqueue($"request {n}: {request.Method} {request.RequestUri}: {e}");
            }
        });
        output.WriteLine($"{Requests} requests in {clock.Elapsed.TotalSeconds:f0} s: {string.Join(", ", statuses.OrderBy(s => s.Key).Select(s => $"{(int)s.Key} {s.Value} times"))}");

        Assert.True(problems.IsEmpty, $"{string.Join("\n\n", problems)}\n\n{service.Output}");
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/health/ready")).StatusCode);
        // Requests that all fail at the first check would show little.
        Assert.True(statuses.GetValueOrDefault(HttpStatusCode.OK) > Requests / 50);
    }

    private static async Task<string?> ProblemAsync(HttpRequestMessage request, HttpResponseMessage response)
    {
        if ((int)response.StatusCode >= 500) return $"{response.StatusCode} {await response.Content.ReadAsStringAsync()}";
        if (!response.Headers.TryGetValues("x-request-id", out IEnumerable<string>? ids) || ids.SingleOrDefault() is not { Length: > 0 }) return $"{response.StatusCode} without x-request-id";
        if ((int)response.StatusCode < 400 || request.Method == HttpMethod.Head) return null;
        string body = await response.Content.ReadAsStringAsync();
        try
        {
            JsonObject error = JsonNode.Parse(body)!["error"]!.AsObject();
            return error.Select(e => e.Key).SequenceEqual(["message", "type", "param", "code"]) && error["message"]!.GetValue<string>().Length > 0
                ? null : $"{response.StatusCode} {body}";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException)
        {
            return $"{response.StatusCode} of another shape: {body}";
        }
    }

    /// <summary>A file and an ended job: a live one's event stream would not end.</summary>
    private static async Task<string[]> MakeThingsAsync(HttpClient http)
    {
        using var form = new MultipartFormDataContent { { new StringContent("fine-tune"), "purpose" }, { new ByteArrayContent(File.ReadAllBytes(Samples.Validation)), "file", "rows.jsonl" } };
        string file = await IdAsync(await http.PostAsync("/v1/files", form));
        string job = await IdAsync(await http.PostAsJsonAsync("/v1/fine_tuning/jobs", new { model = Samples.Model, training_file = file, method = new { type = "dpo" } }));
        (await http.PostAsync($"/v1/fine_tuning/jobs/{job}/cancel", null)).EnsureSuccessStatusCode();
        while ((await http.GetFromJsonAsync<JsonObject>($"/v1/fine_tuning/jobs/{job}"))!["status"]!.GetValue<string>() != "cancelled") await Task.Delay(50);
        JsonObject events = (await http.GetFromJsonAsync<JsonObject>($"/v1/fine_tuning/jobs/{job}/events"))!;
        return [file, job, events["first_id"]!.GetValue<string>(), Samples.Model];

        static async Task<string> IdAsync(HttpResponseMessage response) => (await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonObject>())!["id"]!.GetValue<string>();
    }
}
