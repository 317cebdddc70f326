using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Storage.Database;

namespace TrainingService.Worker.Jobs;

/// <summary>Turns what a run tells into rows. All happens inside the caller's transaction, which holds the lock on the job's row.</summary>
internal static class RunRows
{
    public static async Task AddRunAsync(this TrainingDbContext db, string jobId, RunBatch batch, DateTime now, CancellationToken cancellationToken)
    {
        foreach (StepMetrics metrics in batch.Metrics)
        {
            var row = new JobMetric(jobId, metrics.Step, metrics.Split, metrics.Epoch, new(metrics.Values), now);
            if (await db.Metrics.FindAsync([jobId, metrics.Step, metrics.Split], cancellationToken) is { } earlier) db.Entry(earlier).CurrentValues.SetValues(row);
            else db.Metrics.Add(row);
        }
        await db.SaveChangesAsync(cancellationToken);

        foreach (KeptCheckpoint kept in batch.Checkpoints)
        {
            string id = StableIds.Checkpoint(jobId, kept.Step);
            if (await db.Checkpoints.AnyAsync(c => c.Id == id, cancellationToken)) continue;
            string metrics = await NewestMetricsAsync(db, jobId, kept.Step, cancellationToken);
            db.Checkpoints.Add(new JobCheckpoint(id, jobId, kept.Step, kept.ModelName, kept.AdapterKey, metrics, now));
        }
        await db.SaveChangesAsync(cancellationToken);
        if (batch.Superseded.Count > 0)
            await db.Checkpoints.Where(c => c.JobId == jobId && batch.Superseded.Contains(c.Step)).ExecuteDeleteAsync(cancellationToken);
        await db.AddNewEventsAsync(jobId, batch.Events, cancellationToken);
    }

    /// <summary>Read from the rows rather than remembered: a run that was resumed after its last log tells the same.</summary>
    private static async Task<string> NewestMetricsAsync(TrainingDbContext db, string jobId, int step, CancellationToken cancellationToken)
    {
        async Task<JobMetric?> NewestAsync(MetricSplit split) => await db.Metrics.AsNoTracking()
            .Where(m => m.JobId == jobId && m.Split == split && m.Step <= step)
            .OrderByDescending(m => m.Step).FirstOrDefaultAsync(cancellationToken);

        Dictionary<string, double> values = new() { ["step"] = step };
        // OpenAI's names, with ours in their manner for what it does not have.
        foreach ((MetricSplit split, string prefix) in new[] { (MetricSplit.Train, "train_"), (MetricSplit.Eval, "valid_") })
            if (await NewestAsync(split) is { } newest)
                foreach (string name in s_checkpointMetrics)
                    if (newest.Values.TryGetValue(name, out double value))
                        values[prefix + name.Replace('/', '_')] = value;
        return JsonSerializer.Serialize(values);
    }

    private static readonly string[] s_checkpointMetrics =
        [MetricNames.Loss, MetricNames.MeanTokenAccuracy, MetricNames.RewardsMargins, MetricNames.RewardsAccuracies];
}
