using TrainingService.Api.Hosting;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.Models;

/// <summary>A model that a job made, whole or as a checkpoint.</summary>
internal sealed class TunedModel
{
    public required string Name { get; init; }

    public required string JobId { get; init; }

    public required DateTime CreatedAt { get; init; }

    /// <summary>Seconds since 1970. Out of a projection the database's value comes without its zone.</summary>
    public long Created => DateTime.SpecifyKind(CreatedAt, DateTimeKind.Utc).ToUnixSeconds();
}

internal static class TunedModels
{
    /// <summary>The models that jobs made, as far as the caller may know of them.</summary>
    public static IQueryable<TunedModel> TunedModelsOf(this TrainingDbContext db, Caller caller)
    {
        IQueryable<FineTuningJob> jobs = db.Jobs.VisibleTo(caller);
        return jobs.Where(j => j.FineTunedModel != null && j.AdapterKey != null).Select(j => new TunedModel { Name = j.FineTunedModel!, JobId = j.Id, CreatedAt = j.FinishedAt ?? j.CreatedAt })
            .Concat(db.Checkpoints.Where(c => jobs.Any(j => j.Id == c.JobId)).Select(c => new TunedModel { Name = c.ModelName, JobId = c.JobId, CreatedAt = c.CreatedAt }));
    }
}
