using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hub;

namespace TrainingService.Api.Models;

/// <summary>The records of models on their way.</summary>
internal static class ModelDownloads
{
    /// <summary>Whether somebody still wants it: it is under way and nobody gave it up, or failed.</summary>
    public static bool IsWanted(this ModelDownload download) =>
        !download.CancelRequested && (download.IsUnderWay || download.Status == ModelDownloadStatus.Failed);

    public static Task<ModelDownload?> FindDownloadAsync(this TrainingDbContext db, string model, CancellationToken cancellationToken) =>
        db.ModelDownloads.AsNoTracking().SingleOrDefaultAsync(d => d.Model == model, cancellationToken);

    /// <summary>Queues a plan, unless the same model is under way: then that is the answer, whatever revision it is of.</summary>
    public static async Task<ModelDownload> QueueDownloadAsync(
        this TrainingDbContext db, DownloadPlan plan, string revision, string? owner, DateTime now, CancellationToken cancellationToken)
    {
        while (true)
        {
            db.ChangeTracker.Clear();
            ModelDownload? download = await db.ModelDownloads.SingleOrDefaultAsync(d => d.Model == plan.Repository.Model, cancellationToken);
            if (download is { IsUnderWay: true }) return download;
            if (download is null) db.Add(download = new(plan.Repository.Model, revision, plan.Repository.Commit, plan.Bytes, owner, now));
            else download.Restart(revision, plan.Repository.Commit, plan.Bytes, owner, now);
            try
            {
                await db.SaveChangesAsync(cancellationToken);
                return download;
            }
            catch (DbUpdateException) when (!cancellationToken.IsCancellationRequested)
            {
                // Another request queued it first; if it is something else, reading the row again says so.
                db.ChangeTracker.Clear();
                if (await db.FindDownloadAsync(plan.Repository.Model, cancellationToken) is not { IsUnderWay: true }) throw;
            }
        }
    }

    /// <summary>Whether it is what lies in the models folder under its id.</summary>
    /// <param name="download">The download.</param>
    /// <param name="folder">The model's folder, which need not be there.</param>
    public static bool HasArrivedAt(this ModelDownload download, string folder) => HubOrigin.Read(folder)?.Commit == download.Commit;

    /// <summary>Gives up a download, or the model that it fetched; false when there is none to give up.</summary>
    public static async Task<bool> CancelDownloadAsync(this TrainingDbContext db, string model, bool hasArrived, CancellationToken cancellationToken)
    {
        while (true)
        {
            db.ChangeTracker.Clear();
            if (await db.ModelDownloads.SingleOrDefaultAsync(d => d.Model == model, cancellationToken) is not { } download || download.IsBeingDeleted || !(download.IsWanted() || hasArrived)) return false;
            download.Cancel();
            try
            {
                await db.SaveChangesAsync(cancellationToken);
                return true;
            }
            catch (DbUpdateConcurrencyException)
            {
                // A worker claimed or ended it in between: decide again.
            }
        }
    }
}
