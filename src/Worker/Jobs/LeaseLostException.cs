namespace TrainingService.Worker.Jobs;

/// <summary>The job is no longer this worker's: another one claimed it, or it was ended. Nothing more may be written.</summary>
internal sealed class LeaseLostException(string jobId, int epoch, Exception? innerException = null)
    : Exception($"The lease of job {jobId}, claim {epoch}, is lost.", innerException);
