using System.Text.Json.Serialization;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Webhooks;

namespace TrainingService.Api.Webhooks;

/// <summary>An address that is told of its owner's jobs.</summary>
public sealed record WebhookObject
{
    /// <summary>The endpoint's id.</summary>
    /// <example>whe_0c9Kq0jVJkRHzTfVJcJ0a3v1</example>
    public required string Id { get; init; }

    /// <summary>Always <c>webhook</c>.</summary>
    /// <example>webhook</example>
    public string Object => "webhook";

    /// <summary>Where messages go.</summary>
    /// <example>https://example.com/hooks/training</example>
    public required string Url { get; init; }

    /// <summary>The events that are told.</summary>
    public required IReadOnlyList<string> Events { get; init; }

    /// <summary>Whether it is told anything. A receiver that answers 410 turns this off.</summary>
    public required bool Enabled { get; init; }

    /// <summary>Moment of creation, Unix seconds.</summary>
    public required long CreatedAt { get; init; }

    /// <summary>What verifies the messages, <c>whsec_…</c>: only in the answers that create or rotate it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Secret { get; init; }

    internal static WebhookObject Of(WebhookEndpoint endpoint) => Of(endpoint, null);

    internal static WebhookObject Of(WebhookEndpoint endpoint, string? secret) => new()
    {
        Id = endpoint.Id,
        Url = endpoint.Url,
        Events = endpoint.Events,
        Enabled = endpoint.Enabled,
        CreatedAt = endpoint.CreatedAt.ToUnixSeconds(),
        Secret = secret,
    };
}

/// <summary>One message to one endpoint.</summary>
/// <param name="Id">The delivery's id.</param>
/// <param name="EventId">The event: what the header <c>webhook-id</c> carries at every attempt.</param>
/// <param name="Type">The event's type.</param>
/// <param name="CreatedAt">Moment of creation, Unix seconds.</param>
/// <param name="Attempts">Attempts so far.</param>
/// <param name="NextAttemptAt">Moment of the next attempt, Unix seconds; null when it is delivered or given up.</param>
/// <param name="LastStatus">Status of the last answer.</param>
/// <param name="LastError">Why the last attempt failed.</param>
/// <param name="DeliveredAt">Moment the endpoint took it, Unix seconds.</param>
public sealed record WebhookDeliveryObject(
    string Id, string EventId, string Type, long CreatedAt, int Attempts, long? NextAttemptAt, int? LastStatus, string? LastError, long? DeliveredAt)
{
    /// <summary>Always <c>webhook.delivery</c>.</summary>
    /// <example>webhook.delivery</example>
    public string Object => "webhook.delivery";

    internal static WebhookDeliveryObject Of(WebhookDelivery delivery) => new(
        delivery.Id, delivery.EventId, delivery.Type, delivery.CreatedAt.ToUnixSeconds(), delivery.Attempts, delivery.NextAttemptAt?.ToUnixSeconds(),
        delivery.LastStatus, delivery.LastError, delivery.DeliveredAt?.ToUnixSeconds());
}

/// <summary>The answer to a deletion.</summary>
/// <param name="Id">The endpoint's id.</param>
/// <param name="Deleted">Always true: otherwise the answer is an error.</param>
public sealed record DeletedWebhookObject(string Id, bool Deleted)
{
    /// <summary>Always <c>webhook</c>.</summary>
    /// <example>webhook</example>
    public string Object => "webhook";
}

/// <summary>What an endpoint is created from, or what is changed of it.</summary>
public sealed record WebhookRequest
{
    internal const string Example = """{"url": "https://example.com/hooks/training", "events": ["fine_tuning.job.succeeded", "fine_tuning.job.failed"]}""";

    /// <summary>Where messages go: https, at a public address.</summary>
    public string? Url { get; init; }

    /// <summary>fine_tuning.job.succeeded, fine_tuning.job.failed, fine_tuning.job.cancelled; all by default.</summary>
    public IReadOnlyList<string>? Events { get; init; }

    /// <summary>Whether it is told anything; true by default.</summary>
    public bool? Enabled { get; init; }
}
