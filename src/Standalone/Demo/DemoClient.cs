using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrainingService.Standalone.Demo;

/// <summary>The few calls of the API that the main job takes.</summary>
internal sealed class DemoClient(HttpClient http)
{
    public async Task<string> UploadAsync(string path, CancellationToken cancellationToken)
    {
        await using FileStream file = File.OpenRead(path);
        using var form = new MultipartFormDataContent
        {
            { new StringContent("fine-tune"), "purpose" },
            { new StreamContent(file) { Headers = { ContentType = new MediaTypeHeaderValue("application/jsonl") } }, "file", Path.GetFileName(path) },
        };
        return (await ReadAsync(await http.PostAsync("/v1/files", form, cancellationToken), cancellationToken)).GetProperty("id").GetString()!;
    }

    public async Task<string> CreateJobAsync(JsonObject request, CancellationToken cancellationToken) =>
        (await ReadAsync(await http.PostAsJsonAsync("/v1/fine_tuning/jobs", request, cancellationToken), cancellationToken)).GetProperty("id").GetString()!;

    public async Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken) => await ReadAsync(await http.GetAsync(path, cancellationToken), cancellationToken);

    /// <summary>Draws one answer as the model would give it: its most probable one alone would hide how often it flatters.</summary>
    public async Task<string> AskAsync(string model, string question, int seed, CancellationToken cancellationToken)
    {
        JsonElement answer = await ReadAsync(await http.PostAsJsonAsync("/v1/chat/completions", new
        {
            model,
            messages = new[] { new { role = "user", content = question } },
            temperature = 1,
            seed,
            max_tokens = 64,
        }, cancellationToken), cancellationToken);
        return answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!.Trim();
    }

    public async Task<long> DownloadAsync(string path, string target, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (!response.IsSuccessStatusCode) await ReadAsync(response, cancellationToken);
        await using FileStream file = File.Create(target);
        await response.Content.CopyToAsync(file, cancellationToken);
        return file.Length;
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        using (response)
        {
            JsonElement body = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
            if (response.IsSuccessStatusCode) return body;
            throw new DemoException($"{response.RequestMessage!.Method} {response.RequestMessage.RequestUri!.AbsolutePath} answered {(int)response.StatusCode}: {body.GetProperty("error").GetProperty("message").GetString()}");
        }
    }
}
