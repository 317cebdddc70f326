using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.Files;
using TrainingService.Api.Hosting;
using TrainingService.Datasets.Formats;
using TrainingService.Domain.Files;
using TrainingService.Domain.Uploads;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;

namespace TrainingService.Api.Uploads;

/// <summary>
/// Makes a file of an upload's parts. A call that is broken off leaves the upload as it was; of several at once one makes
/// the file and the others answer with it; so does a call repeated after its answer was lost.
/// </summary>
internal sealed class UploadCompletion(TrainingDbContext db, IFileStore store, UnsavedBytes unsaved, FileIntake intake, TimeProvider timeProvider)
{
    public async Task<(UploadObject? Upload, ApiError? Error)> CompleteAsync(Upload upload, CompleteUploadRequest request, CancellationToken cancellationToken)
    {
        if (upload.Status != UploadStatus.Pending || upload.ExpiresAt <= timeProvider.GetUtcNow().UtcDateTime) return await EndedAsync(upload, cancellationToken);
        StoredFile? file;
        ApiError? problem;
        try
        {
            (file, problem) = await AssembleAsync(upload, request, cancellationToken);
        }
        catch (FileStoreException)
        {
            if (await IsStillPendingAsync(upload, cancellationToken)) throw;
            return await EndedAsync(upload, cancellationToken);
        }
        if (file is null) return await IsStillPendingAsync(upload, cancellationToken) ? (null, problem) : await EndedAsync(upload, cancellationToken);
        try
        {
            file.GiveTo(upload.OwnerId);
            upload.Complete(file.Id);
            db.Files.Add(file);
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateConcurrencyException)
        {
            store.Delete(file.StorageKey);
            db.ChangeTracker.Clear();
            return await EndedAsync(await db.Uploads.SingleAsync(u => u.Id == upload.Id, cancellationToken), cancellationToken);
        }
        catch
        {
            await unsaved.DeleteAsync(file.StorageKey, saved => saved.Files.AnyAsync(f => f.StorageKey == file.StorageKey));
            throw;
        }
        // From here on the call has succeeded; parts that stay because it is broken off now are the sweeper's.
        await db.DeletePartsAsync(store, upload.Id, CancellationToken.None);
        return (UploadObject.Of(upload, file), null);
    }

    /// <summary>Whether no other call has ended the upload meanwhile, and taken its parts away: their rows, their bytes or both.</summary>
    private async Task<bool> IsStillPendingAsync(Upload upload, CancellationToken cancellationToken)
    {
        await db.Entry(upload).ReloadAsync(cancellationToken);
        return upload.Status == UploadStatus.Pending;
    }

    private async Task<(UploadObject?, ApiError?)> EndedAsync(Upload upload, CancellationToken cancellationToken) => upload.Status == UploadStatus.Completed
        ? (UploadObject.Of(upload, await db.Files.AsNoTracking().SingleOrDefaultAsync(f => f.Id == upload.FileId, cancellationToken)), null)
        : (null, ApiError.Conflict($"Upload {upload.Id} was {(upload.Status == UploadStatus.Cancelled ? "cancelled" : "not completed within its hour")}. Create another one.", "upload_id"));

    /// <summary>The parts' keys in the order of the file.</summary>
    private async Task<(string[] Keys, ApiError? Problem)> OrderAsync(Upload upload, CompleteUploadRequest request, CancellationToken cancellationToken)
    {
        if (request.PartIds is not { Count: > 0 } ids) return ([], ApiError.BadRequest("part_ids is missing or empty; give the ids of the parts in their order in the file.", "part_ids"));
        Dictionary<string, UploadPart> parts = await db.UploadParts.AsNoTracking().Where(p => p.UploadId == upload.Id).ToDictionaryAsync(p => p.Id, cancellationToken);
        if (ids.FirstOrDefault(id => id is null || !parts.ContainsKey(id)) is var unknown && ids.Any(id => id is null || !parts.ContainsKey(id)))
            return ([], ApiError.BadRequest($"part_ids has '{unknown}', which is no part of upload {upload.Id}.", "part_ids"));
        if (ids.GroupBy(id => id).FirstOrDefault(g => g.Count() > 1) is { } twice)
            return ([], ApiError.BadRequest($"part_ids has '{twice.Key}' twice.", "part_ids"));
        long bytes = ids.Sum(id => parts[id].Bytes);
        return bytes == upload.Bytes
            ? ([.. ids.Select(id => parts[id].StorageKey)], null)
            : ([], ApiError.BadRequest($"The parts come to {bytes} bytes, but the upload declared {upload.Bytes}.", "part_ids"));
    }

    private async Task<(StoredFile? File, ApiError? Error)> AssembleAsync(Upload upload, CompleteUploadRequest request, CancellationToken cancellationToken)
    {
        (string[] keys, ApiError? disordered) = await OrderAsync(upload, request, cancellationToken);
        if (disordered is not null) return (null, disordered);
        string key = FileIntake.NewKey();
        await using FileStoreWriter writer = store.Create(key);
        await using var content = new PartStream(store, keys);
        TrainingFileCheck? check = await intake.ReceiveAsync(content, writer, upload.Purpose, cancellationToken);
        if (request.Md5 is { } md5 && !md5.Equals(content.Md5(), StringComparison.OrdinalIgnoreCase))
            return (null, ApiError.BadRequest($"md5 is '{md5}', but the parts in this order have the MD5 {content.Md5()}.", "md5"));
        if (FileIntake.RowsProblem(upload.Filename, upload.Purpose, check) is { } problem) return (null, problem);
        TimeSpan? lifetime = upload.FileLifetimeSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
        return (await intake.CommitAsync(Ids.File(), key, upload.Filename, upload.Purpose, check, lifetime, writer, cancellationToken), null);
    }
}
