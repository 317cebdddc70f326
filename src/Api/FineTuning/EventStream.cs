using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;

namespace TrainingService.Api.FineTuning;

/// <summary>A job's events as they happen.</summary>
internal sealed class EventStream(
    IDbContextFactory<TrainingDbContext> contexts, IOptions<ApiOptions> options, TimeProvider timeProvider, IHostApplicationLifetime lifetime)
{
    private const int EventsAtOnce = 500;

    /// <summary>
    /// The events after a sequence, until the job has ended and its last event was told, or the host stops.
    /// </summary>
    /// <param name="response">Takes the heartbeats, which are comments and thus no items.</param>
    public async IAsyncEnumerable<SseItem<object>> ReadAsync(
        string jobId, long after, HttpResponse response, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // Proxies that collect answers would hold the events back.
        response.Headers["X-Accel-Buffering"] = "no";
        await HeartbeatAsync(response, cancellationToken);
        long lastSent = timeProvider.GetTimestamp();
        while (!lifetime.ApplicationStopping.IsCancellationRequested)
        {
            (FineTuningJob job, List<JobEvent> events) = await LookAsync(jobId, after, cancellationToken);
            foreach (JobEvent e in events)
            {
                yield return new SseItem<object>(EventObject.Of(e)) { EventId = e.Sequence.ToString() };
                after = e.Sequence;
                lastSent = timeProvider.GetTimestamp();
            }
            if (events.Count == EventsAtOnce) continue;
            if (job.IsFinal)
            {
                await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
                yield return new SseItem<object>(await db.DescribeAsync(job, timeProvider, cancellationToken), "status");
                yield break;
            }
            if (timeProvider.GetElapsedTime(lastSent) >= options.Value.EventHeartbeat)
            {
                await HeartbeatAsync(response, cancellationToken);
                lastSent = timeProvider.GetTimestamp();
            }
            await PauseAsync(cancellationToken);
        }
    }

    // The job before its events: what an ended job told last is then surely among them.
    private async Task<(FineTuningJob Job, List<JobEvent> Events)> LookAsync(string jobId, long after, CancellationToken cancellationToken)
    {
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        FineTuningJob job = await db.Jobs.AsNoTracking().SingleAsync(j => j.Id == jobId, cancellationToken);
        List<JobEvent> events = await db.Events.AsNoTracking().Where(e => e.JobId == jobId && e.Sequence > after)
            .OrderBy(e => e.Sequence).Take(EventsAtOnce).ToListAsync(cancellationToken);
        return (job, events);
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
