namespace TrainingService.Domain.Uploads;

/// <summary>Some bytes of an upload. Their place in the file is said when the upload is completed.</summary>
public sealed class UploadPart
{
    private UploadPart() { }

    /// <summary>A part whose bytes are in the store.</summary>
    /// <param name="id">Id, <c>part_…</c>.</param>
    /// <param name="uploadId">The upload.</param>
    /// <param name="bytes">Length in bytes.</param>
    /// <param name="storageKey">Key in the file store.</param>
    /// <param name="now">Moment of creation, UTC.</param>
    public UploadPart(string id, string uploadId, long bytes, string storageKey, DateTime now)
    {
        Id = id;
        UploadId = uploadId;
        Bytes = bytes;
        StorageKey = storageKey;
        CreatedAt = now;
    }

    /// <summary>Id, <c>part_…</c>.</summary>
    public string Id { get; private set; } = null!;

    /// <summary>The upload.</summary>
    public string UploadId { get; private set; } = null!;

    /// <summary>Length in bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Key in the file store.</summary>
    public string StorageKey { get; private set; } = null!;

    /// <summary>Moment of creation, UTC.</summary>
    public DateTime CreatedAt { get; private set; }
}
