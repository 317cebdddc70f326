using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace TrainingService.Api.Tests.Webhooks;

/// <summary>A little HTTP server that keeps what it is sent.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Received> _received = new();

    private Receiver(WebApplication app) => _app = app;

    /// <summary>What was sent so far.</summary>
    public Received[] All => [.. _received];

    /// <summary>What to answer.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = _ => Task.CompletedTask;

    public int Port => new Uri(_app.Urls.First()).Port;

    public string Url => $"http://127.0.0.1:{Port}/hook";

    public static async Task<Receiver> StartAsync(bool alsoIPv6 = false)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(!alsoIPv6 ? IPAddress.Loopback : Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, 0));
        builder.Services.AddRouting();
        WebApplication app = builder.Build();
        var receiver = new Receiver(app);
        app.Run(async http =>
        {
            using var reader = new StreamReader(http.Request.Body);
            receiver._received.Enqueue(new(http.Request.Path, http.Request.Headers.ToDictionary(h => h.Key.ToLowerInvariant(), h => h.Value.ToString()), await reader.ReadToEndAsync()));
            await receiver.Answer(http);
        });
        await app.StartAsync();
        return receiver;
    }

    /// <summary>Waits for so many messages.</summary>
    public async Task<Received[]> WaitAsync(int count)
    {
        for (int i = 0; i < 1500 && _received.Count < count; i++) await Task.Delay(20);
        Assert.True(_received.Count >= count, $"{_received.Count} of {count} messages came.");
        return All;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    internal sealed record Received(string Path, Dictionary<string, string> Headers, string Body);
}
