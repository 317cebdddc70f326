namespace TrainingService.Domain.Keys;

/// <summary>
/// A key of the API, without its secret: what is stored recognises a key that is presented and cannot be turned back into one.
/// What a key creates belongs to its owner, so an owner's keys may change while the files and jobs stay.
/// </summary>
public sealed class ApiKey
{
    private ApiKey() { }

    /// <summary>A key that can be used from now on.</summary>
    /// <param name="id">Id, <c>key_…</c>.</param>
    /// <param name="hash">Lower-case hexadecimal SHA-256 of the secret.</param>
    /// <param name="prefix">The secret's first characters, by which people tell keys apart.</param>
    /// <param name="role">What it may do.</param>
    /// <param name="owner">Whose it is.</param>
    /// <param name="now">Moment of creation, UTC.</param>
    public ApiKey(string id, string hash, string prefix, KeyRole role, string owner, DateTime now)
    {
        Id = id;
        Hash = hash;
        Prefix = prefix;
        Role = role;
        Owner = owner;
        CreatedAt = now;
    }

    /// <summary>Id, <c>key_…</c>.</summary>
    public string Id { get; private set; } = null!;

    /// <summary>Lower-case hexadecimal SHA-256 of the secret.</summary>
    public string Hash { get; private set; } = null!;

    /// <summary>The secret's first characters, by which people tell keys apart.</summary>
    public string Prefix { get; private set; } = null!;

    /// <summary>What it may do.</summary>
    public KeyRole Role { get; private set; }

    /// <summary>Whose it is.</summary>
    public string Owner { get; private set; } = null!;

    /// <summary>Moment of creation, UTC.</summary>
    public DateTime CreatedAt { get; private set; }

    /// <summary>Moment of the newest request that carried it, UTC, true to a minute or so.</summary>
    public DateTime? LastUsedAt { get; private set; }

    /// <summary>Moment from which it opens nothing, UTC.</summary>
    public DateTime? RevokedAt { get; private set; }

    /// <summary>Ends the key for good; doing it twice changes nothing.</summary>
    public void Revoke(DateTime now) => RevokedAt ??= now;
}
