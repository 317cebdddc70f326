using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace TrainingService.Inference.Requests;

/// <summary>An answer in parts, as OpenAI streams it: server-sent events of one JSON each, then the word <c>[DONE]</c>.</summary>
internal sealed class EventStream(HttpContext http)
{
    private const string ContentType = "text/event-stream";

    /// <summary>Whether the answer is such a stream and has begun.</summary>
    public static bool IsBegun(HttpContext http) => http.Response.HasStarted && http.Response.ContentType == ContentType;

    public async Task WriteAsync<T>(T part)
    {
        Begin();
        await http.Response.Body.WriteAsync("data: "u8.ToArray(), http.RequestAborted);
        await JsonSerializer.SerializeAsync(http.Response.Body, part, WireJson.Options, http.RequestAborted);
        await EndAsync("\n\n"u8.ToArray());
    }

    public Task DoneAsync() => EndAsync("data: [DONE]\n\n"u8.ToArray());

    private void Begin()
    {
        if (http.Response.HasStarted) return;
        http.Response.ContentType = ContentType;
        http.Response.Headers.CacheControl = "no-cache";
        // Proxies of nginx's kind would otherwise collect the parts.
        http.Response.Headers["X-Accel-Buffering"] = "no";
    }

    private async Task EndAsync(byte[] bytes)
    {
        await http.Response.Body.WriteAsync(bytes, http.RequestAborted);
        await http.Response.Body.FlushAsync(http.RequestAborted);
    }
}
