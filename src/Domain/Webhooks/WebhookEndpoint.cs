using TrainingService.Domain.Keys;

namespace TrainingService.Domain.Webhooks;

/// <summary>An address that is told when something happens, as Standard Webhooks says.</summary>
public sealed class WebhookEndpoint : IOwned
{
    private WebhookEndpoint() { }

    /// <summary>An address that is told from now on.</summary>
    /// <param name="id">Id, <c>whe_…</c>.</param>
    /// <param name="url">The address.</param>
    /// <param name="secret">What signs the messages, <c>whsec_…</c>; kept as it is, since every message needs it.</param>
    /// <param name="events">Types of the events to tell.</param>
    /// <param name="owner">Whose it is; null when the service asked for no key.</param>
    /// <param name="now">Moment of creation, UTC.</param>
    public WebhookEndpoint(string id, string url, string secret, IEnumerable<string> events, string? owner, DateTime now)
    {
        Id = id;
        Url = url;
        Secret = secret;
        Events = [.. events];
        OwnerId = owner;
        CreatedAt = now;
        Enabled = true;
    }

    /// <summary>Id, <c>whe_…</c>.</summary>
    public string Id { get; private set; } = null!;

    /// <summary>The address.</summary>
    public string Url { get; private set; } = null!;

    /// <summary>What signs the messages, <c>whsec_…</c>.</summary>
    public string Secret { get; private set; } = null!;

    /// <summary>Types of the events to tell.</summary>
    public List<string> Events { get; private set; } = [];

    /// <summary>Whose it is; null when the service asked for no key.</summary>
    public string? OwnerId { get; private set; }

    /// <summary>Whether it is told anything.</summary>
    public bool Enabled { get; private set; }

    /// <summary>Moment of creation, UTC.</summary>
    public DateTime CreatedAt { get; private set; }

    /// <summary>Changes where messages go.</summary>
    public void MoveTo(string url) => Url = url;

    /// <summary>Changes which events are told.</summary>
    public void Subscribe(IEnumerable<string> events) => Events = [.. events];

    /// <summary>Tells it from now on, or no more.</summary>
    public void Enable(bool enabled) => Enabled = enabled;

    /// <summary>Replaces what signs the messages.</summary>
    public void Rotate(string secret) => Secret = secret;
}
