namespace TrainingService.Domain.Jobs;

/// <summary>Something that happened to a job, told in words; metrics events carry the newest values too.</summary>
public sealed class JobEvent
{
    private JobEvent() { }

    /// <summary>An event.</summary>
    /// <param name="id">Id, <c>ftevent-…</c>; an id that exists already is the same event told again.</param>
    /// <param name="jobId">The job.</param>
    /// <param name="level">info, warn or error.</param>
    /// <param name="type">message or metrics.</param>
    /// <param name="message">The event in words.</param>
    /// <param name="data">JSON object with its numbers, or null.</param>
    /// <param name="now">Moment, UTC.</param>
    public JobEvent(string id, string jobId, string level, string type, string message, string? data, DateTime now)
    {
        Id = id;
        JobId = jobId;
        Level = level;
        Type = type;
        Message = StoredText.Of(message);
        Data = data;
        CreatedAt = now;
    }

    /// <summary>Ascending number over all events: the cursor of the event stream.</summary>
    public long Sequence { get; private set; }

    /// <summary>Id, <c>ftevent-…</c>.</summary>
    public string Id { get; private set; } = null!;

    /// <summary>The job.</summary>
    public string JobId { get; private set; } = null!;

    /// <summary>info, warn or error.</summary>
    public string Level { get; private set; } = null!;

    /// <summary>message or metrics.</summary>
    public string Type { get; private set; } = null!;

    /// <summary>The event in words.</summary>
    public string Message { get; private set; } = null!;

    /// <summary>JSON object with its numbers.</summary>
    public string? Data { get; private set; }

    /// <summary>Moment, UTC.</summary>
    public DateTime CreatedAt { get; private set; }
}
