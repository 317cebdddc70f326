using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace TrainingService.Inference.Requests;

/// <summary>An answer in parts, as OpenAI streams it: server-sent events of one JSON each, then the word <c>[DONE]</c>.</summary>
internal sealed class EventStream(HttpContext http)
{
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
        http.Response.ContentType = "text/event-stream";
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
