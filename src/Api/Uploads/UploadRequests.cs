namespace TrainingService.Api.Uploads;

/// <summary>What an upload in parts is created from.</summary>
public sealed record CreateUploadRequest
{
    internal const string Example = """{"filename": "concise-train.jsonl", "purpose": "fine-tune", "bytes": 134217728, "mime_type": "text/jsonl"}""";

    /// <summary>Name of the file to be.</summary>
    public string? Filename { get; init; }

    /// <summary>Its purpose: fine-tune, assistants, batch, user_data, vision or evals.</summary>
    public string? Purpose { get; init; }

    /// <summary>Its length in bytes: what the parts must come to.</summary>
    public long? Bytes { get; init; }

    /// <summary>Its media type, e.g. <c>text/jsonl</c>.</summary>
    public string? MimeType { get; init; }

    /// <summary>When the file to be expires; it does not by default.</summary>
    public ExpiresAfter? ExpiresAfter { get; init; }
}

/// <summary>When a file expires.</summary>
public sealed record ExpiresAfter
{
    /// <summary>Must be <c>created_at</c>.</summary>
    public string? Anchor { get; init; }

    /// <summary>Seconds after the anchor, 3600 (an hour) to 2592000 (30 days).</summary>
    public long? Seconds { get; init; }
}

/// <summary>How an upload's parts become a file.</summary>
public sealed record CompleteUploadRequest
{
    internal const string Example = """{"part_ids": ["part_4vBq0jVJkRHzTfVJcJ0a3v1S", "part_u7Tn2ZzgE2mXHnqk0yVb9c3D"]}""";

    /// <summary>Ids of the parts in their order in the file.</summary>
    public IReadOnlyList<string>? PartIds { get; init; }

    /// <summary>MD5 of the whole file, hexadecimal: checked where it is given.</summary>
    public string? Md5 { get; init; }
}

/// <summary>The form of a part. It is read as a stream: this type describes it.</summary>
public sealed record UploadPartForm
{
    /// <summary>The part's bytes, at most 64 MiB.</summary>
    public required IFormFile Data { get; init; }
}
