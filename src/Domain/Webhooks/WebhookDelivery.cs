namespace TrainingService.Domain.Webhooks;

/// <summary>One message to one endpoint, and how far its delivery got.</summary>
public sealed class WebhookDelivery
{
    private WebhookDelivery() { }

    /// <summary>A message that waits for its first attempt.</summary>
    /// <param name="id">Id, <c>whd_…</c>.</param>
    /// <param name="endpointId">The endpoint.</param>
    /// <param name="eventId">The event, <c>evt_…</c>: the same for all endpoints and attempts, so that a receiver knows a repetition.</param>
    /// <param name="type">The event's type.</param>
    /// <param name="payload">The body, sent and signed as it stands here.</param>
    /// <param name="now">Moment of creation, UTC.</param>
    public WebhookDelivery(string id, string endpointId, string eventId, string type, string payload, DateTime now)
    {
        Id = id;
        EndpointId = endpointId;
        EventId = eventId;
        Type = type;
        Payload = payload;
        CreatedAt = now;
        NextAttemptAt = now;
    }

    /// <summary>Id, <c>whd_…</c>.</summary>
    public string Id { get; private set; } = null!;

    /// <summary>The endpoint.</summary>
    public string EndpointId { get; private set; } = null!;

    /// <summary>The event, <c>evt_…</c>.</summary>
    public string EventId { get; private set; } = null!;

    /// <summary>The event's type.</summary>
    public string Type { get; private set; } = null!;

    /// <summary>The body, sent and signed as it stands here.</summary>
    public string Payload { get; private set; } = null!;

    /// <summary>Moment of creation, UTC.</summary>
    public DateTime CreatedAt { get; private set; }

    /// <summary>Attempts so far.</summary>
    public int Attempts { get; private set; }

    /// <summary>Moment of the next attempt, UTC; null when there is none.</summary>
    public DateTime? NextAttemptAt { get; private set; }

    /// <summary>HTTP status of the last attempt's answer.</summary>
    public int? LastStatus { get; private set; }

    /// <summary>Why the last attempt failed.</summary>
    public string? LastError { get; private set; }

    /// <summary>Moment the endpoint took it, UTC.</summary>
    public DateTime? DeliveredAt { get; private set; }

    /// <summary>The endpoint took it.</summary>
    public void Deliver(int status, DateTime now)
    {
        Attempts++;
        (LastStatus, LastError, NextAttemptAt, DeliveredAt) = (status, null, null, now);
    }

    /// <summary>An attempt failed.</summary>
    /// <param name="status">The answer's status; null without an answer.</param>
    /// <param name="error">Why.</param>
    /// <param name="nextAttemptAt">Moment of the next attempt, UTC; null gives up.</param>
    public void Fail(int? status, string error, DateTime? nextAttemptAt)
    {
        Attempts++;
        (LastStatus, LastError, NextAttemptAt) = (status, error, nextAttemptAt);
    }
}
