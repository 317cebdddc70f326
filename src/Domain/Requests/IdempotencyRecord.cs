using System.Security.Cryptography;
using System.Text;

namespace TrainingService.Domain.Requests;

/// <summary>A request that its client may repeat without doing its work twice, and the answer once there is one.</summary>
public sealed class IdempotencyRecord
{
    private IdempotencyRecord() { }

    /// <summary>A request whose first try begins.</summary>
    /// <param name="id">Its identity (<see cref="IdOf"/>).</param>
    /// <param name="now">Moment of its beginning, UTC.</param>
    public IdempotencyRecord(string id, DateTime now)
    {
        Id = id;
        CreatedAt = now;
        TriedAt = now;
    }

    /// <summary>Digest of owner, path and key: of a bounded length, whatever clients send.</summary>
    public string Id { get; private set; } = null!;

    /// <summary>Digest of what was sent; known with the answer, since uploads are read as they are worked on.</summary>
    public string? PayloadHash { get; private set; }

    /// <summary>Moment its first try began, UTC.</summary>
    public DateTime CreatedAt { get; private set; }

    /// <summary>Moment its latest try began, UTC; null when that ended by an error of the service, so that another may begin.</summary>
    public DateTime? TriedAt { get; private set; }

    /// <summary>The answer's HTTP status.</summary>
    public int? StatusCode { get; private set; }

    /// <summary>The answer's body.</summary>
    public string? Body { get; private set; }

    /// <summary>Moment the answer was there, UTC; null while the work goes on.</summary>
    public DateTime? CompletedAt { get; private set; }

    /// <summary>Whether a try may be working on it. After <paramref name="longestWork"/> without an answer, whoever did has died.</summary>
    /// <param name="now">The moment, UTC.</param>
    /// <param name="longestWork">The longest that a try takes.</param>
    public bool IsBeingWorkedOn(DateTime now, TimeSpan longestWork) => CompletedAt is null && now - TriedAt < longestWork;

    /// <summary>The identity of a request: one owner's key on one path.</summary>
    /// <param name="owner">Who asks; null when the service asked for no key.</param>
    /// <param name="path">The request's path.</param>
    /// <param name="key">The key that the client chose.</param>
    public static string IdOf(string? owner, string path, string key) =>
        // Owners and keys hold no NUL, so no two requests give one text.
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{owner}\0{key}\0{path}")));
}
