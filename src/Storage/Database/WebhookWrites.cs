using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Webhooks;

namespace TrainingService.Storage.Database;

/// <summary>Messages to endpoints, saved with what they tell of: a sender that was down finds them later.</summary>
public static class WebhookWrites
{
    /// <summary>Adds the messages of a job's end for its owner's endpoints; the caller's transaction is the one that ends it.</summary>
    internal static async Task AddJobEndedAsync(this TrainingDbContext db, FineTuningJob job, CancellationToken cancellationToken)
    {
        string type = WebhookEventType.Of(job.Status);
        DateTime now = job.FinishedAt!.Value;
        IQueryable<WebhookEndpoint> told = db.WebhookEndpoints.AsNoTracking().Where(e => e.Enabled && e.OwnerId == job.OwnerId);
        // Locks them: one that is deleted at the same moment must not undo the job's end.
        await told.ExecuteUpdateAsync(set => set.SetProperty(e => e.Enabled, true), cancellationToken);
        foreach (WebhookEndpoint endpoint in await told.ToListAsync(cancellationToken))
            if (endpoint.Events.Contains(type))
                db.WebhookDeliveries.Add(Message(endpoint.Id, StableIds.WebhookEvent(job.Id, type), type, job.Id, now));
        await db.SaveChangesAsync(cancellationToken);
    }

    /// <summary>A message that says what happened to what.</summary>
    /// <param name="endpointId">The endpoint.</param>
    /// <param name="eventId">The event, <c>evt_…</c>.</param>
    /// <param name="type">The event's type.</param>
    /// <param name="subject">Id of what it happened to.</param>
    /// <param name="now">Moment, UTC.</param>
    public static WebhookDelivery Message(string endpointId, string eventId, string type, string subject, DateTime now) => new(
        StableIds.WebhookDelivery(endpointId, eventId), endpointId, eventId, type,
        JsonSerializer.Serialize(new { id = eventId, @object = "event", created_at = new DateTimeOffset(now).ToUnixTimeSeconds(), type, data = new { id = subject } }), now);
}
