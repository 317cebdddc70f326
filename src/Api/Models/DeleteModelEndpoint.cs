using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TrainingService.Api.Errors;
using TrainingService.Api.FineTuning;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Models;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;

namespace TrainingService.Api.Models;

internal static class DeleteModelEndpoint
{
    /// <summary>Delete a model, or cancel a download</summary>
    /// <remarks>
    /// Of a tuned model its adapter and its checkpoints go; a checkpoint's name deletes that checkpoint alone. A model on its way
    /// from the Hub is cancelled, and what has arrived is deleted; so is one that came from the Hub, by an administrator's key: models
    /// tuned from it rest until it is fetched again. Refused while a job that starts from one of them waits or runs. What somebody
    /// put into the models folder by hand stays.
    /// </remarks>
    /// <param name="model" example="ft:demo-model:local:concise:8wVbAaZ6PbJDOtKQZ1lOJx0R">The model's id.</param>
    /// <response code="200">The model is deleted.</response>
    /// <response code="403">Model demo-model lies in the models folder; only who manages this machine can delete it.</response>
    /// <response code="404">The model 'ft:demo-model:local::abc' does not exist. Known are demo-model, and what jobs made.</response>
    /// <response code="409">Model ft:demo-model:local::abc is what job ftjob-abc starts from, which is running. Cancel the job or wait until it ends.</response>
    public static async Task<Results<Ok<DeletedModelObject>, ApiError>> DeleteModel(
        string model, Caller caller, TrainingDbContext db, IFileStore store, ModelCatalog catalog, JobQueueing queue, IOptions<StorageOptions> storage, CancellationToken cancellationToken)
    {
        string id = ModelEndpoints.Decode(model);
        if (await db.FindDownloadAsync(id, cancellationToken) is { } download)
        {
            if (download.IsBeingDeleted) return ModelEndpoints.NoSuchModel(id, catalog);
            // Also an adapter whose base is gone, which no list shows.
            bool hasArrived = download.HasArrivedAt(Path.Combine([storage.Value.ModelsFolder, .. id.Split('/')]));
            if (await RefusalAsync(download, hasArrived, caller, db, catalog, cancellationToken) is { } refused) return refused;
            if (await db.CancelDownloadAsync(id, hasArrived, cancellationToken))
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

        string[] names = [id, .. checkpoints.Select(c => c.ModelName)];
        if (await RefusalAsync(m => Task.FromResult(names.Contains(m)), db, cancellationToken) is { } inUse) return inUse;

        // The bytes first: a row without bytes is found when somebody deletes again, bytes without a row never. Nobody calls it back half done.
        foreach (JobCheckpoint checkpoint in checkpoints)
        {
            catalog.DeleteAdapter(checkpoint.AdapterKey);
            await db.Checkpoints.Where(c => c.Id == checkpoint.Id).ExecuteDeleteAsync(CancellationToken.None);
        }
        if (job is not null) await DeleteAsync(job, db, store, catalog);
        return TypedResults.Ok(new DeletedModelObject(id, true));
    }

    /// <summary>Why a model of the Hub stays; else null.</summary>
    private static async Task<ApiError?> RefusalAsync(
        ModelDownload download, bool hasArrived, Caller caller, TrainingDbContext db, ModelCatalog catalog, CancellationToken cancellationToken)
    {
        string id = download.Model;
        if (caller.Role != KeyRole.Admin && (hasArrived || download.IsWanted()))
            return new ApiError(StatusCodes.Status403Forbidden, $"Model {id} {(hasArrived ? "came" : "is on its way")} from the Hub; an administrator's key deletes it.", "model", "insufficient_role");
        if (!hasArrived) return null;
        return await RefusalAsync(async m => await catalog.FindInFolderAsync(m, Caller.Service, cancellationToken) is { } source && (source.Id == id || source.BaseId == id), db, cancellationToken);
    }

    /// <summary>The refusal when a job that has not ended starts from such a model; else null.</summary>
    private static async Task<ApiError?> RefusalAsync(Func<string, Task<bool>> isGoing, TrainingDbContext db, CancellationToken cancellationToken)
    {
        var waiting = await db.Jobs.Where(j => FineTuningJob.OpenStatuses.Contains(j.Status)).Select(j => new { j.Id, j.Model, j.Status }).ToListAsync(cancellationToken);
        foreach (var job in waiting.DistinctBy(j => j.Model))
            if (await isGoing(job.Model))
                return ApiError.Conflict($"Model {job.Model} is what job {job.Id} starts from, which is {WireNames.Of(job.Status)}. Cancel the job or wait until it ends.", "model");
        return null;
    }

    private static async Task DeleteAsync(FineTuningJob job, TrainingDbContext db, IFileStore store, ModelCatalog catalog)
    {
        string copy = StableIds.ResultFile(job.Id, "adapter");
        if (await db.Files.AsNoTracking().SingleOrDefaultAsync(f => f.Id == copy, CancellationToken.None) is { } file)
        {
            store.Delete(file.StorageKey);
            await db.Files.Where(f => f.Id == copy).ExecuteDeleteAsync(CancellationToken.None);
        }
        catalog.DeleteAdapter(job.AdapterKey!);
        await db.ChangeJobAsync(job.Id, changed =>
        {
            changed.ForgetAdapter(copy);
            return [];
        }, CancellationToken.None);
    }
}
