using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;
using TrainingService.Api.Errors;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.FineTuning;

internal static class AdapterEndpoints
{
    public static void MapAdapters(this IEndpointRouteBuilder jobs)
    {
        jobs.MapGet("/{id}/adapter", GetJobAdapter).Produces<Stream>(StatusCodes.Status200OK, "application/zip");
        jobs.MapGet("/{id}/checkpoints/{checkpoint_id}/adapter", GetCheckpointAdapter).Produces<Stream>(StatusCodes.Status200OK, "application/zip");
    }

    /// <summary>Download a job's adapter</summary>
    /// <remarks>A zip in PEFT's format, for PEFT, vLLM and others. Ranges and conditional requests work.</remarks>
    /// <param name="id" example="ftjob-8wVbAaZ6PbJDOtKQZ1lOJx0R">The job's id.</param>
    /// <response code="200">The zip.</response>
    /// <response code="404">Job ftjob-abc is failed, so it made no adapter.</response>
    /// <response code="409">Job ftjob-abc is running, at step 3 of 20; its adapter is there once it succeeded.</response>
    private static async Task<Results<FileStreamHttpResult, ApiError>> GetJobAdapter(
        string id, Caller caller, TrainingDbContext db, IFileStore store, CancellationToken cancellationToken)
    {
        if (await db.FindJobAsync(id, caller, cancellationToken) is not { } job) return JobEndpoints.NoSuchJob(id);
        if (job.AdapterKey is { } key) return Zip(store, key, job.Id, job.FinishedAt ?? job.CreatedAt);
        const string Checkpoints = "Its checkpoints, if any, have adapters of their own.";
        if (job.Status == JobStatus.Succeeded) return new ApiError(StatusCodes.Status404NotFound, $"The model that job {job.Id} made was deleted.");
        return job.IsFinal
            ? new ApiError(StatusCodes.Status404NotFound, $"Job {job.Id} is {WireNames.Of(job.Status)}, so it made no adapter. {Checkpoints}")
            : ApiError.Conflict($"Job {job.Id} is {WireNames.Of(job.Status)}{(job.TotalSteps is { } total ? $", at step {job.Step} of {total}" : "")}; its adapter is there once it succeeded. {Checkpoints}");
    }

    /// <summary>Download a checkpoint's adapter</summary>
    /// <remarks>A zip in PEFT's format. Ranges and conditional requests work.</remarks>
    /// <param name="id" example="ftjob-8wVbAaZ6PbJDOtKQZ1lOJx0R">The job's id.</param>
    /// <param name="checkpointId" example="ftckpt_zc4Q7MP6XxulcVzj4MZdwsAB">The checkpoint's id.</param>
    /// <response code="200">The zip.</response>
    /// <response code="404">No such FineTuningJobCheckpoint object: ftckpt_abc</response>
    private static async Task<Results<FileStreamHttpResult, ApiError>> GetCheckpointAdapter(
        string id, [FromRoute(Name = "checkpoint_id")] string checkpointId, Caller caller, TrainingDbContext db, IFileStore store, CancellationToken cancellationToken)
    {
        if (!await db.HasJobAsync(id, caller, cancellationToken)) return JobEndpoints.NoSuchJob(id);
        JobCheckpoint? checkpoint = await db.Checkpoints.AsNoTracking()
            .SingleOrDefaultAsync(c => c.Id == checkpointId && c.JobId == id, cancellationToken);
        return checkpoint is null
            ? ApiError.NoSuch("FineTuningJobCheckpoint", checkpointId, "checkpoint_id")
            : Zip(store, checkpoint.AdapterKey, $"{checkpoint.JobId}-step-{checkpoint.Step}", checkpoint.CreatedAt);
    }

    // A stored adapter never changes, so its name identifies its bytes.
    private static FileStreamHttpResult Zip(IFileStore store, string key, string name, DateTime createdAt) =>
        TypedResults.Stream(store.OpenRead(key), "application/zip", $"{name}.zip", createdAt, new EntityTagHeaderValue($"\"{name}\""), enableRangeProcessing: true);
}
