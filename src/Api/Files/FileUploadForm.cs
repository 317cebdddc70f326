using System.Text.Json.Serialization;

namespace TrainingService.Api.Files;

/// <summary>The form of an upload. It is read as a stream: this type describes it.</summary>
public sealed record FileUploadForm
{
    /// <summary>The file, with its name.</summary>
    public required IFormFile File { get; init; }

    /// <summary>fine-tune for training and validation rows; assistants, batch, user_data, vision and evals are stored unread.</summary>
    /// <example>fine-tune</example>
    public required string Purpose { get; init; }

    /// <summary>Must be <c>created_at</c> where the file shall expire.</summary>
    [JsonPropertyName("expires_after[anchor]")]
    public string? ExpiresAfterAnchor { get; init; }

    /// <summary>Seconds after the anchor, 3600 (an hour) to 2592000 (30 days).</summary>
    [JsonPropertyName("expires_after[seconds]")]
    public int? ExpiresAfterSeconds { get; init; }
}
