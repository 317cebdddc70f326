using System.Text;
using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;

namespace TrainingService.Worker.Jobs;

/// <summary>Stores the files that a finished job offers for download.</summary>
internal sealed class RunResults(IDbContextFactory<TrainingDbContext> contexts, IFileStore files, TimeProvider timeProvider)
{
    /// <summary>The adapter's zip and the metrics as a table, both in the store; their rows are saved with the job's end.</summary>
    public async Task<IReadOnlyList<StoredFile>> StoreAsync(RunPlan plan)
    {
        (string jobId, string? owner) = (plan.Job.Id, plan.Job.OwnerId);
        await using TrainingDbContext db = await contexts.CreateDbContextAsync();
        List<JobMetric> metrics = await db.Metrics.AsNoTracking().Where(m => m.JobId == jobId).OrderBy(m => m.Step).ThenBy(m => m.Split).ToListAsync();
        return
        [
            // A copy: whoever deletes the file does not delete the model.
            await StoreAsync(jobId, owner, "adapter", ".zip", async target =>
            {
                await using Stream adapter = files.OpenRead(plan.AdapterKey);
                await adapter.CopyToAsync(target);
            }),
            await StoreAsync(jobId, owner, "metrics", ".csv", async target =>
            {
                await using var writer = new StreamWriter(target, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
                MetricsCsv.Write(writer, metrics);
            }),
        ];
    }

    private async Task<StoredFile> StoreAsync(string jobId, string? owner, string role, string extension, Func<Stream, Task> write)
    {
        string id = StableIds.ResultFile(jobId, role), key = $"files/{id}";
        await using FileStoreWriter writer = files.Create(key);
        await write(writer);
        StoredContent content = await writer.CommitAsync(CancellationToken.None);
        var file = new StoredFile(id, $"{jobId}-{role}{extension}", FilePurpose.FineTuneResults, content.Bytes, key, timeProvider.GetUtcNow().UtcDateTime);
        file.GiveTo(owner);
        file.RecordDigest(content.Sha256);
        return file;
    }
}
