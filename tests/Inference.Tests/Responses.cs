using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace TrainingService.Inference.Tests;

internal static class Responses
{
    public static async Task<HttpResponseMessage> PostJsonAsync(this HttpClient client, string path, string json, CancellationToken cancellationToken = default)
    {
        using var content = new StringContent(json, new MediaTypeHeaderValue("application/json"));
        return await client.PostAsync(path, content, cancellationToken);
    }

    public static async Task<JsonObject> JsonAsync(this HttpResponseMessage response)
    {
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{(int)response.StatusCode}: {body}");
        return JsonNode.Parse(body)!.AsObject();
    }

    /// <summary>The error of a failed answer, which has all four keys.</summary>
    public static async Task<(string Message, string? Param, string? Code)> ErrorAsync(this HttpResponseMessage response, HttpStatusCode status)
    {
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == status, $"{(int)response.StatusCode}, not {(int)status}: {body}");
        JsonObject error = JsonNode.Parse(body)!["error"]!.AsObject();
        Assert.Equal(["message", "type", "param", "code"], error.Select(p => p.Key));
        return (error["message"]!.GetValue<string>(), error["param"]?.GetValue<string>(), error["code"]?.GetValue<string>());
    }

    public static string Content(this JsonObject completion, int choice = 0) => completion["choices"]![choice]!["message"]!["content"]!.GetValue<string>();

    public static string Text(this JsonObject completion, int choice = 0) => completion["choices"]![choice]!["text"]!.GetValue<string>();

    public static string Finish(this JsonObject completion, int choice = 0) => completion["choices"]![choice]!["finish_reason"]!.GetValue<string>();

    public static (int Prompt, int Completion, int Total) Usage(this JsonObject completion)
    {
        JsonNode usage = completion["usage"]!;
        return (usage["prompt_tokens"]!.GetValue<int>(), usage["completion_tokens"]!.GetValue<int>(), usage["total_tokens"]!.GetValue<int>());
    }
}
