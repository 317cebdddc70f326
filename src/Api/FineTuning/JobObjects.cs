using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Models;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;

namespace TrainingService.Api.FineTuning;

/// <summary>Describes jobs with their newest metrics and their checkpoints: three queries, however many jobs there are.</summary>
internal static class JobObjects
{
    public static async Task<JobObject> DescribeAsync(this TrainingDbContext db, FineTuningJob job, TimeProvider timeProvider, CancellationToken cancellationToken) =>
        (await db.DescribeAsync([job], timeProvider, cancellationToken))[0];

    public static async Task<IReadOnlyList<JobObject>> DescribeAsync(
        this TrainingDbContext db, IReadOnlyList<FineTuningJob> jobs, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        string[] ids = [.. jobs.Select(j => j.Id)];
        List<JobMetric> newest = await db.Metrics.AsNoTracking().Where(m => ids.Contains(m.JobId))
            .GroupBy(m => new { m.JobId, m.Split })
            .Select(g => g.OrderByDescending(m => m.Step).First())
            .ToListAsync(cancellationToken);
        ILookup<string, ProgressCheckpoint> checkpoints = (await db.Checkpoints.AsNoTracking().Where(c => ids.Contains(c.JobId))
            .OrderBy(c => c.Step).Select(c => new { c.JobId, c.Id, c.Step }).ToListAsync(cancellationToken))
            .ToLookup(c => c.JobId, c => new ProgressCheckpoint(c.Id, c.Step));
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        return [.. jobs.Select(job => Describe(job, newest.Where(m => m.JobId == job.Id).ToDictionary(m => m.Split), [.. checkpoints[job.Id]], now))];
    }

    private static JobObject Describe(
        FineTuningJob job, Dictionary<MetricSplit, JobMetric> newest, IReadOnlyList<ProgressCheckpoint> checkpoints, DateTime now)
    {
        JsonElement recipe = JsonElement.Parse(job.Recipe);
        JsonObject hyperparameters = JsonObject.Create(recipe.GetProperty("hyperparameters"))!;
        return new()
        {
            Id = job.Id,
            Model = job.Model,
            CreatedAt = job.CreatedAt.ToUnixSeconds(),
            FinishedAt = job.FinishedAt?.ToUnixSeconds(),
            // SDKs take a moment in the past for an error: a late estimate is no estimate.
            EstimatedFinish = job.EstimatedFinish > now ? job.EstimatedFinish.Value.ToUnixSeconds() : null,
            Status = WireNames.Of(job.Status),
            Error = job.ErrorCode is { } code ? new(code, job.ErrorMessage ?? "", job.ErrorParam) : null,
            FineTunedModel = job.FineTunedModel,
            OrganizationId = TunedModelName.Organization,
            ResultFiles = job.ResultFiles,
            TrainingFile = job.TrainingFileId,
            ValidationFile = job.ValidationFileId,
            Hyperparameters = hyperparameters,
            Method = new("dpo", new(hyperparameters, JsonObject.Create(recipe.GetProperty("lora"))!)),
            Seed = job.Seed,
            TrainedTokens = job.TrainedTokens,
            Metadata = job.Metadata,
            UserProvidedSuffix = job.Suffix,
            Progress = new()
            {
                Step = job.Step,
                TotalSteps = job.TotalSteps,
                Epoch = job.Epoch,
                PairsPerSecond = job.PairsPerSecond,
                Validation = newest.GetValueOrDefault(MetricSplit.Eval)?.Values,
                Checkpoints = checkpoints,
                Train = newest.GetValueOrDefault(MetricSplit.Train)?.Values.ToDictionary(v => v.Key, v => (object)v.Value),
            },
        };
    }
}
