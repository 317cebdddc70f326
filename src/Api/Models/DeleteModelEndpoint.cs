using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.FineTuning;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;

namespace TrainingService.Api.Models;

internal static class DeleteModelEndpoint
{
    /// <summary>Delete a tuned model, or cancel a download</summary>
    /// <remarks>
    /// Its adapter and its checkpoints go; a checkpoint's name deletes that checkpoint alone. Refused while a job that starts
    /// from one of them waits or runs. A model on its way from the Hub is cancelled, and what has arrived is deleted.
    /// Models in the models folder are the operator's and stay.
    /// </remarks>
    /// <param name="model" example="ft:demo-model:local:concise:8wVbAaZ6PbJDOtKQZ1lOJx0R">The model's id.</param>
    /// <response code="200">The model is deleted.</response>
    /// <response code="403">Model demo-model lies in the models folder; only who manages this machine can delete it.</response>
    /// <response code="404">The model 'ft:demo-model:local::abc' does not exist. Known are demo-model, and what jobs made.</response>
    /// <response code="409">Model ft:demo-model:local::abc is what job ftjob-abc starts from, which is running. Cancel the job or wait until it ends.</response>
    public static async Task<Results<Ok<DeletedModelObject>, ApiError>> DeleteModel(
        string model, Caller caller, TrainingDbContext db, IFileStore store, ModelCatalog catalog, JobQueueing queue, CancellationToken cancellationToken)
    {
        string id = ModelEndpoints.Decode(model);
        if (await db.FindDownloadAsync(id, cancellationToken) is { } download && download.IsWanted())
        {
            if (caller.Role != KeyRole.Admin) return new ApiError(StatusCodes.Status403Forbidden, $"Model {id} is on its way from the Hub; an administrator's key cancels it.", "model", "insufficient_role");
            if (await db.CancelDownloadAsync(id, cancellationToken))
            {
                // A worker may have files of it open, so a worker deletes them.
                queue.EnqueueDownload(id);
                return TypedResults.Ok(new DeletedModelObject(id, true));
            }
        }
        if (catalog.ListFolders().Any(m => m.Id == id))
            return new ApiError(StatusCodes.Status403Forbidden, $"Model {id} lies in the models folder; only who manages this machine can delete it.", "model");
        IQueryable<FineTuningJob> jobs = db.Jobs.VisibleTo(caller);
        FineTuningJob? job = await jobs.AsNoTracking().SingleOrDefaultAsync(j => j.FineTunedModel == id && j.AdapterKey != null, cancellationToken);
        List<JobCheckpoint> checkpoints = await db.Checkpoints.AsNoTracking()
            .Where(c => job != null ? c.JobId == job.Id : c.ModelName == id && jobs.Any(j => j.Id == c.JobId)).ToListAsync(cancellationToken);
        if (job is null && checkpoints.Count == 0) return ModelEndpoints.NoSuchModel(id, catalog);

        JobStatus[] ended = [JobStatus.Succeeded, JobStatus.Failed, JobStatus.Cancelled];
        string[] names = [id, .. checkpoints.Select(c => c.ModelName)];
        if (await db.Jobs.Where(j => !ended.Contains(j.Status) && names.Contains(j.Model)).Select(j => new { j.Id, j.Model, j.Status }).FirstOrDefaultAsync(cancellationToken) is { } user)
            return ApiError.Conflict($"Model {user.Model} is what job {user.Id} starts from, which is {WireNames.Of(user.Status)}. Cancel the job or wait until it ends.", "model");

        // The bytes first: a row without bytes is found when somebody deletes again, bytes without a row never.
        foreach (JobCheckpoint checkpoint in checkpoints)
        {
            catalog.DeleteAdapter(checkpoint.AdapterKey);
            await db.Checkpoints.Where(c => c.Id == checkpoint.Id).ExecuteDeleteAsync(cancellationToken);
        }
        if (job is not null) await DeleteAsync(job, db, store, catalog, cancellationToken);
        return TypedResults.Ok(new DeletedModelObject(id, true));
    }

    private static async Task DeleteAsync(FineTuningJob job, TrainingDbContext db, IFileStore store, ModelCatalog catalog, CancellationToken cancellationToken)
    {
        string copy = StableIds.ResultFile(job.Id, "adapter");
        if (await db.Files.AsNoTracking().SingleOrDefaultAsync(f => f.Id == copy, cancellationToken) is { } file)
        {
            store.Delete(file.StorageKey);
            await db.Files.Where(f => f.Id == copy).ExecuteDeleteAsync(cancellationToken);
        }
        catalog.DeleteAdapter(job.AdapterKey!);
        await db.ChangeJobAsync(job.Id, changed =>
        {
            changed.ForgetAdapter(copy);
            return [];
        }, cancellationToken);
    }
}
