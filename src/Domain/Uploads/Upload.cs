using TrainingService.Domain.Keys;

namespace TrainingService.Domain.Uploads;

/// <summary>A file that arrives in parts.</summary>
public sealed class Upload : IOwned
{
    private Upload() { }

    /// <summary>An upload that takes parts.</summary>
    /// <param name="id">Id, <c>upload_…</c>.</param>
    /// <param name="filename">Name of the file to be.</param>
    /// <param name="purpose">Its purpose, one of <see cref="Files.FilePurpose.All"/>.</param>
    /// <param name="mimeType">Its media type as the client gave it.</param>
    /// <param name="bytes">Its length: what the parts must come to.</param>
    /// <param name="owner">Whose it is; null when the service asked for no key.</param>
    /// <param name="now">Moment of creation, UTC.</param>
    /// <param name="expiresAt">Moment from which it takes no parts, UTC.</param>
    public Upload(string id, string filename, string purpose, string mimeType, long bytes, string? owner, DateTime now, DateTime expiresAt)
    {
        Id = id;
        Filename = filename;
        Purpose = purpose;
        MimeType = mimeType;
        Bytes = bytes;
        OwnerId = owner;
        CreatedAt = now;
        ExpiresAt = expiresAt;
        Status = UploadStatus.Pending;
    }

    /// <summary>Id, <c>upload_…</c>.</summary>
    public string Id { get; private set; } = null!;

    /// <summary>Name of the file to be.</summary>
    public string Filename { get; private set; } = null!;

    /// <summary>Purpose of the file to be.</summary>
    public string Purpose { get; private set; } = null!;

    /// <summary>Media type of the file to be.</summary>
    public string MimeType { get; private set; } = null!;

    /// <summary>Length of the file to be.</summary>
    public long Bytes { get; private set; }

    /// <summary>Whose it is; null when the service asked for no key.</summary>
    public string? OwnerId { get; private set; }

    /// <summary>Where it stands.</summary>
    public UploadStatus Status { get; private set; }

    /// <summary>Moment of creation, UTC.</summary>
    public DateTime CreatedAt { get; private set; }

    /// <summary>Moment from which it takes no parts, UTC.</summary>
    public DateTime ExpiresAt { get; private set; }

    /// <summary>How long the finished file is kept; null keeps it.</summary>
    public long? FileLifetimeSeconds { get; private set; }

    /// <summary>The file that the parts became.</summary>
    public string? FileId { get; private set; }

    /// <summary>Lets the file to be expire so long after its creation.</summary>
    public void LimitFile(long lifetimeSeconds) => FileLifetimeSeconds = lifetimeSeconds;

    /// <summary>The parts became a file.</summary>
    public void Complete(string fileId)
    {
        RequirePending("be completed");
        (Status, FileId) = (UploadStatus.Completed, fileId);
    }

    /// <summary>The client gives it up.</summary>
    public void Cancel()
    {
        RequirePending("be cancelled");
        Status = UploadStatus.Cancelled;
    }

    /// <summary>Its time ran out.</summary>
    public void Expire()
    {
        RequirePending("expire");
        Status = UploadStatus.Expired;
    }

    private void RequirePending(string verb)
    {
        if (Status != UploadStatus.Pending) throw new InvalidOperationException($"Upload {Id} is {Status}; it cannot {verb}.");
    }
}
