using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;

namespace TrainingService.Api.Hosting;

/// <summary>What one look at something that goes on has found.</summary>
/// <param name="Items">What is new.</param>
/// <param name="MayHaveMore">Whether another look at once would find more.</param>
/// <param name="Ended">Whether nothing will follow.</param>
internal sealed record SseNews(IReadOnlyList<SseItem<object>> Items, bool MayHaveMore = false, bool Ended = false);

/// <summary>Server-sent events of something that is looked at again and again until it ends or the host stops.</summary>
internal sealed class SseFeed(IOptions<ApiOptions> options, TimeProvider timeProvider, IHostApplicationLifetime lifetime)
{
    /// <param name="look">Finds what is new since it was called last.</param>
    /// <param name="response">Takes the heartbeats, which are comments and thus no items.</param>
    /// <param name="cancellationToken">The client went away.</param>
    public async IAsyncEnumerable<SseItem<object>> ReadAsync(
        Func<CancellationToken, Task<SseNews>> look, HttpResponse response, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // Proxies that collect answers would hold the events back.
        response.Headers["X-Accel-Buffering"] = "no";
        await HeartbeatAsync(response, cancellationToken);
        long lastSent = timeProvider.GetTimestamp();
        while (!lifetime.ApplicationStopping.IsCancellationRequested)
        {
            SseNews news = await look(cancellationToken);
            foreach (SseItem<object> item in news.Items)
            {
                yield return item;
                lastSent = timeProvider.GetTimestamp();
            }
            if (news.Ended) yield break;
            if (news.MayHaveMore) continue;
            if (timeProvider.GetElapsedTime(lastSent) >= options.Value.EventHeartbeat)
            {
                await HeartbeatAsync(response, cancellationToken);
                lastSent = timeProvider.GetTimestamp();
            }
            await PauseAsync(cancellationToken);
        }
    }

    private async Task PauseAsync(CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        await Task.Delay(options.Value.EventPollInterval, timeProvider, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private static async Task HeartbeatAsync(HttpResponse response, CancellationToken cancellationToken)
    {
        await response.WriteAsync(":\n\n", cancellationToken);
        await response.Body.FlushAsync(cancellationToken);
    }
}
