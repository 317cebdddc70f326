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

/// <summary>Describes jobs with their newest metrics and their checkpoints: four queries, however many jobs there are.</summary>
internal static class JobObjects
{
    // OpenAI's .NET SDK sleeps until the estimated finish, and throws when it reads a moment that has passed: what rounding
    // and the way to the client could overtake is not told.
    private static readonly TimeSpan s_shortestEstimate = TimeSpan.FromSeconds(5);

    public static async Task<JobObject> DescribeAsync(this TrainingDbContext db, FineTuningJob job, TimeProvider timeProvider, CancellationToken cancellationToken) =>
        (await db.DescribeAsync([job], timeProvider, cancellationToken))[0];

    public static async Task<IReadOnlyList<JobObject>> DescribeAsync(
        this TrainingDbContext db, IReadOnlyList<FineTuningJob> jobs, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        string[] ids = [.. jobs.Select(j => j.Id)];
        ILookup<string, JobMetric> newest = await db.NewestMetricsAsync(ids, cancellationToken);
        ILookup<string, ProgressCheckpoint> checkpoints = (await db.Checkpoints.AsNoTracking().Where(c => ids.Contains(c.JobId))
            .OrderBy(c => c.Step).Select(c => new { c.JobId, c.Id, c.Step }).ToListAsync(cancellationToken))
            .ToLookup(c => c.JobId, c => new ProgressCheckpoint(c.Id, c.Step));
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        return [.. jobs.Select(job => Describe(job, Newest(newest[job.Id]), [.. checkpoints[job.Id]], now))];
    }

    // A greatest step is found at the end of the primary key's index; the newest row of each group is not, on either database.
    private static async Task<ILookup<string, JobMetric>> NewestMetricsAsync(this TrainingDbContext db, string[] ids, CancellationToken cancellationToken)
    {
        var last = await db.Jobs.Where(j => ids.Contains(j.Id)).Select(j => new
        {
            j.Id,
            Train = db.Metrics.Where(m => m.JobId == j.Id && m.Split == MetricSplit.Train).Max(m => (int?)m.Step),
            Eval = db.Metrics.Where(m => m.JobId == j.Id && m.Split == MetricSplit.Eval).Max(m => (int?)m.Step),
        }).ToListAsync(cancellationToken);
        (string Job, int Step)[] newest = [.. last.SelectMany(l => new[] { l.Train, l.Eval }.OfType<int>().Distinct().Select(step => (l.Id, step)))];
        int[] steps = [.. newest.Select(n => n.Step).Distinct()];
        // The index finds every job's rows at any of the steps; what comes over the wire are each job's own.
        string[] rows = [.. newest.Select(n => $"{n.Job}/{n.Step}")];
        return (await db.Metrics.AsNoTracking().Where(m => ids.Contains(m.JobId) && steps.Contains(m.Step) && rows.Contains(m.JobId + "/" + m.Step)).ToListAsync(cancellationToken)).ToLookup(m => m.JobId);
    }

    private static Dictionary<MetricSplit, JobMetric> Newest(IEnumerable<JobMetric> metrics) =>
        metrics.GroupBy(m => m.Split).ToDictionary(g => g.Key, g => g.MaxBy(m => m.Step)!);

    private static JobObject Describe(
        FineTuningJob job, Dictionary<MetricSplit, JobMetric> newest, IReadOnlyList<ProgressCheckpoint> checkpoints, DateTime now)
    {
        JsonElement recipe = JsonElement.Parse(job.Recipe);
        return new()
        {
            Id = job.Id,
            Model = job.Model,
            CreatedAt = job.CreatedAt.ToUnixSeconds(),
            FinishedAt = job.FinishedAt?.ToUnixSeconds(),
            EstimatedFinish = job.EstimatedFinish > now + s_shortestEstimate ? job.EstimatedFinish.Value.ToUnixSeconds() : null,
            Status = WireNames.Of(job.Status),
            Error = job.ErrorCode is { } code ? new(code, job.ErrorMessage ?? "", job.ErrorParam) : null,
            FineTunedModel = job.FineTunedModel,
            OrganizationId = TunedModelName.Organization,
            ResultFiles = job.ResultFiles,
            TrainingFile = job.TrainingFileId,
            ValidationFile = job.ValidationFileId,
            Hyperparameters = JsonObject.Create(recipe.GetProperty("hyperparameters"))!,
            Method = MethodObject.Of(recipe),
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
