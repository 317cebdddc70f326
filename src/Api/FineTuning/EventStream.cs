using System.Net.ServerSentEvents;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;

namespace TrainingService.Api.FineTuning;

/// <summary>A job's events as they happen.</summary>
internal sealed class EventStream(IDbContextFactory<TrainingDbContext> contexts, SseFeed feed, TimeProvider timeProvider)
{
    private const int EventsAtOnce = 500;

    /// <summary>The events after a sequence, until the job has ended and its last event was told.</summary>
    public IAsyncEnumerable<SseItem<object>> ReadAsync(string jobId, long after, HttpResponse response, CancellationToken cancellationToken) =>
        feed.ReadAsync(async token =>
        {
            await using TrainingDbContext db = await contexts.CreateDbContextAsync(token);
            // The job before its events: what an ended job told last is then surely among them.
            FineTuningJob job = await db.Jobs.AsNoTracking().SingleAsync(j => j.Id == jobId, token);
            List<JobEvent> events = await db.Events.AsNoTracking().Where(e => e.JobId == jobId && e.Sequence > after)
                .OrderBy(e => e.Sequence).Take(EventsAtOnce).ToListAsync(token);
            if (events.Count > 0) after = events[^1].Sequence;

            List<SseItem<object>> items = [.. events.Select(e => new SseItem<object>(EventObject.Of(e)) { EventId = e.Sequence.ToString() })];
            bool mayHaveMore = events.Count == EventsAtOnce, ended = job.IsFinal && !mayHaveMore;
            if (ended) items.Add(new(await db.DescribeAsync(job, timeProvider, token), "status"));
            return new(items, mayHaveMore, ended);
        }, response, cancellationToken);
}
