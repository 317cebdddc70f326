namespace TrainingService.Domain.Uploads;

/// <summary>Where an upload in parts stands, under OpenAI's names.</summary>
public enum UploadStatus
{
    /// <summary>Takes parts.</summary>
    Pending,

    /// <summary>Its parts became a file.</summary>
    Completed,

    /// <summary>Given up by the client.</summary>
    Cancelled,

    /// <summary>Its time ran out.</summary>
    Expired,
}
