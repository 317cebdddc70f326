using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Queue;
using TrainingService.Worker.Hosting;

namespace TrainingService.Worker.Jobs;

/// <summary>
/// Finds what fell between two processes: jobs and downloads that wait but are not in the queue or whose worker died, files past
/// their end, and what interrupted writers left behind. Any number of workers may sweep at once.
/// </summary>
internal sealed partial class JobSweeper(
    IDbContextFactory<TrainingDbContext> contexts, IJobQueue queue, IFileStore files, IOptions<WorkerOptions> options,
    TimeProvider timeProvider, ILogger<JobSweeper> logger) : BackgroundService
{
    // Longer than any upload pauses between two writes.
    private static readonly TimeSpan s_abandonedAfter = TimeSpan.FromDays(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.SweepInterval, timeProvider);
        do
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Most often the database is away; the next sweep finds the same things to do.
                LogFailed(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        await EnqueueForgottenAsync(db, cancellationToken);
        await DeleteExpiredFilesAsync(db, cancellationToken);
        await db.SweepUploadsAsync(files, timeProvider.GetUtcNow().UtcDateTime, cancellationToken);
        await DeleteWorkFoldersAsync(db, cancellationToken);
        files.RemoveAbandoned(timeProvider.GetUtcNow().UtcDateTime - s_abandonedAfter);
    }

    private async Task EnqueueForgottenAsync(TrainingDbContext db, CancellationToken cancellationToken)
    {
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        var jobs = await db.Jobs
            .Where(j => (j.Status == JobStatus.Queued || j.Status == JobStatus.Running) && (j.LeaseExpiresAt == null || j.LeaseExpiresAt < now))
            .OrderBy(j => j.CreatedAt).Select(j => new { j.Id, IsQueued = j.Status == JobStatus.Queued }).ToListAsync(cancellationToken);
        var downloads = await db.ModelDownloads
            .Where(d => (d.Status == ModelDownloadStatus.Queued || d.Status == ModelDownloadStatus.Running) && (d.LeaseExpiresAt == null || d.LeaseExpiresAt < now))
            .OrderBy(d => d.CreatedAt).Select(d => new { Id = d.Model, IsQueued = d.Status == ModelDownloadStatus.Queued }).ToListAsync(cancellationToken);
        if (jobs.Count + downloads.Count == 0) return;

        (IReadOnlySet<string> waiting, IReadOnlySet<string> taken) = queue.List();
        // What is queued and was just taken will be claimed in a moment. What runs was taken by the worker that died.
        bool IsForgotten(string id, bool isQueued) => !waiting.Contains(id) && !(isQueued && taken.Contains(id));
        foreach (var job in jobs.Where(j => IsForgotten(j.Id, j.IsQueued)))
        {
            queue.Enqueue(job.Id);
            LogJobEnqueued(job.Id);
        }
        foreach (var download in downloads.Where(d => IsForgotten(d.Id, d.IsQueued)))
        {
            queue.EnqueueDownload(download.Id);
            LogDownloadEnqueued(download.Id);
        }
    }

    private async Task DeleteExpiredFilesAsync(TrainingDbContext db, CancellationToken cancellationToken)
    {
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        List<StoredFile> expired = await db.Files.AsNoTracking().Where(f => f.ExpiresAt < now
            && !db.Jobs.Any(j => (j.TrainingFileId == f.Id || j.ValidationFileId == f.Id)
                && (j.Status == JobStatus.Queued || j.Status == JobStatus.Running || j.Status == JobStatus.Paused))).ToListAsync(cancellationToken);
        foreach (StoredFile file in expired)
        {
            // The bytes first: a row without bytes is found again by the next sweep, bytes without a row never.
            files.Delete(file.StorageKey);
            await db.Files.Where(f => f.Id == file.Id).ExecuteDeleteAsync(cancellationToken);
            LogExpired(file.Id);
        }
    }

    private async Task DeleteWorkFoldersAsync(TrainingDbContext db, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> folders = files.ListWorkFolders();
        List<string> ended = await db.Jobs
            .Where(j => folders.Contains(j.Id) && (j.Status == JobStatus.Succeeded || j.Status == JobStatus.Failed || j.Status == JobStatus.Cancelled))
            .Select(j => j.Id).ToListAsync(cancellationToken);
        ended.ForEach(files.DeleteWorkFolder);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Nobody had job {JobId}; it is in the queue again.")]
    private partial void LogJobEnqueued(string jobId);

    [LoggerMessage(Level = LogLevel.Information, Message = "Nobody had the download of {Model}; it is in the queue again.")]
    private partial void LogDownloadEnqueued(string model);

    [LoggerMessage(Level = LogLevel.Information, Message = "File {FileId} is past its end and deleted.")]
    private partial void LogExpired(string fileId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A sweep failed; the next one tries again.")]
    private partial void LogFailed(Exception exception);
}
