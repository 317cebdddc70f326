using TrainingService.Domain.Keys;

namespace TrainingService.Domain.Files;

/// <summary>A file of the API: uploaded rows, or a result of a job. Its bytes lie in the file store under <see cref="StorageKey"/>.</summary>
public sealed class StoredFile : IOwned
{
    private StoredFile() { }

    /// <summary>A file whose bytes are in the store.</summary>
    /// <param name="id">Id, <c>file-…</c>.</param>
    /// <param name="filename">Name as the client gave it.</param>
    /// <param name="purpose">One of <see cref="FilePurpose.All"/>.</param>
    /// <param name="bytes">Length in bytes.</param>
    /// <param name="storageKey">Key in the file store.</param>
    /// <param name="now">Moment of creation, UTC.</param>
    public StoredFile(string id, string filename, string purpose, long bytes, string storageKey, DateTime now)
    {
        Id = id;
        Filename = filename;
        Purpose = purpose;
        Bytes = bytes;
        StorageKey = storageKey;
        CreatedAt = now;
    }

    /// <summary>Id, <c>file-…</c>.</summary>
    public string Id { get; private set; } = null!;

    /// <summary>Name as the client gave it.</summary>
    public string Filename { get; private set; } = null!;

    /// <summary>One of <see cref="FilePurpose.All"/>.</summary>
    public string Purpose { get; private set; } = null!;

    /// <summary>Length in bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Key in the file store.</summary>
    public string StorageKey { get; private set; } = null!;

    /// <summary>Moment of creation, UTC.</summary>
    public DateTime CreatedAt { get; private set; }

    /// <summary>Moment from which the file may be deleted, UTC; null keeps it.</summary>
    public DateTime? ExpiresAt { get; private set; }

    /// <summary>Recognised row format of a fine-tune file, e.g. <c>openai_preference</c>; null for other purposes.</summary>
    public string? Format { get; private set; }

    /// <summary>Rows of a fine-tune file.</summary>
    public long? Rows { get; private set; }

    /// <summary>Lower-case hexadecimal SHA-256 of the bytes.</summary>
    public string? Sha256 { get; private set; }

    /// <summary>Whose it is; null when the service asked for no key.</summary>
    public string? OwnerId { get; private set; }

    /// <summary>Says whose it is.</summary>
    public void GiveTo(string? owner) => OwnerId = owner;

    /// <summary>Records what the check of a fine-tune file found.</summary>
    public void RecordRows(string format, long rows) => (Format, Rows) = (format, rows);

    /// <summary>Records the digest of the bytes.</summary>
    public void RecordDigest(string sha256) => Sha256 = sha256;

    /// <summary>Lets the file expire.</summary>
    public void ExpireAt(DateTime moment) => ExpiresAt = moment;
}
