using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Uploads;
using TrainingService.Storage.Files;

namespace TrainingService.Storage.Database;

/// <summary>What becomes of an upload's parts once it takes no more.</summary>
public static class UploadWrites
{
    /// <summary>Deletes the parts of an upload that has ended, bytes before rows: what a crash leaves is found again by its row.</summary>
    public static async Task DeletePartsAsync(this TrainingDbContext db, IFileStore store, string uploadId, CancellationToken cancellationToken)
    {
        foreach (UploadPart part in await db.UploadParts.AsNoTracking().Where(p => p.UploadId == uploadId).ToListAsync(cancellationToken))
        {
            store.Delete(part.StorageKey);
            await db.UploadParts.Where(p => p.Id == part.Id).ExecuteDeleteAsync(cancellationToken);
        }
    }

    /// <summary>Ends the uploads whose time ran out and deletes the parts of all that have ended.</summary>
    /// <param name="db">The records.</param>
    /// <param name="store">Holds the parts' bytes.</param>
    /// <param name="now">The present moment, UTC.</param>
    /// <param name="cancellationToken">Ends the work between two parts.</param>
    public static async Task SweepUploadsAsync(this TrainingDbContext db, IFileStore store, DateTime now, CancellationToken cancellationToken)
    {
        await db.Uploads.Where(u => u.Status == UploadStatus.Pending && u.ExpiresAt <= now)
            .ExecuteUpdateAsync(set => set.SetProperty(u => u.Status, UploadStatus.Expired), cancellationToken);
        List<string> ended = await db.UploadParts
            .Join(db.Uploads.Where(u => u.Status != UploadStatus.Pending), p => p.UploadId, u => u.Id, (_, u) => u.Id)
            .Distinct().ToListAsync(cancellationToken);
        foreach (string id in ended) await db.DeletePartsAsync(store, id, cancellationToken);
    }
}
