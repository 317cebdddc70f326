namespace TrainingService.Domain.Models;

/// <summary>Where the download of a model stands.</summary>
public enum ModelDownloadStatus
{
    /// <summary>Waits for a worker.</summary>
    Queued,

    /// <summary>A worker fetches it.</summary>
    Running,

    /// <summary>The model is in the models folder.</summary>
    Succeeded,

    /// <summary>It ended with an error; what has arrived is kept for the next attempt.</summary>
    Failed,

    /// <summary>It was given up, and what had arrived is deleted.</summary>
    Cancelled,
}
