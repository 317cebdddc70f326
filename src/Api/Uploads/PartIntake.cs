using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Net.Http.Headers;
using TrainingService.Api.Errors;
using TrainingService.Api.Files;
using TrainingService.Api.Hosting;
using TrainingService.Api.Repeats;
using TrainingService.Domain.Uploads;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;

namespace TrainingService.Api.Uploads;

/// <summary>Receives one part of an upload; its bytes go straight to the store.</summary>
internal sealed class PartIntake(RepeatableWork work, TrainingDbContext db, IFileStore store, UnsavedBytes unsaved, TimeProvider timeProvider)
{
    private const long MostBytes = 64L << 20;

    private static ApiError TooLarge => ApiError.TooLarge($"The part is larger than {MostBytes} bytes (64 MiB). Cut the file into smaller parts.", "data");

    public async Task<(UploadPart? Part, ApiError? Error)> ReceiveAsync(HttpRequest request, Upload upload, CancellationToken cancellationToken)
    {
        (MultipartReader? reader, ApiError? unopened) = MultipartForm.Open(request, MostBytes, TooLarge);
        if (reader is null) return (null, unopened);
        // The bytes of two tries of one request lie apart, although the part is the same.
        string key = $"uploads/{Ids.Part()}";
        StoredContent content;
        string id;
        try
        {
            await using FileStoreWriter writer = store.Create(key);
            if (await ReadAsync(reader, writer, cancellationToken) is { } problem) return (null, problem);
            id = Ids.Part(await work.SeedAsync());
            content = await writer.CommitAsync(cancellationToken);
        }
        catch (UploadTooLargeException)
        {
            return (null, TooLarge);
        }
        catch (Exception e) when (MultipartForm.IsUnreadable(e))
        {
            return (null, MultipartForm.Unreadable(e));
        }

        if (work.MayBeDone && await db.UploadParts.AsNoTracking().SingleOrDefaultAsync(p => p.Id == id, cancellationToken) is { } done)
        {
            store.Delete(key);
            return (done, null);
        }
        var part = new UploadPart(id, upload.Id, content.Bytes, key, timeProvider.GetUtcNow().UtcDateTime);
        ApiError? refused;
        try
        {
            refused = await SaveAsync(part, upload, cancellationToken);
        }
        catch
        {
            await unsaved.DeleteAsync(key, saved => saved.UploadParts.AnyAsync(p => p.StorageKey == key));
            throw;
        }
        if (refused is null) return (part, null);
        store.Delete(key);
        return (null, refused);
    }

    private static async Task<ApiError?> ReadAsync(MultipartReader reader, FileStoreWriter writer, CancellationToken cancellationToken)
    {
        bool found = false;
        while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
        {
            if (MultipartForm.DispositionOf(section) is not { } disposition) return MultipartForm.NoDisposition;
            string name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
            if (name != "data") return ApiError.BadRequest($"The form has no field '{name}'. The part's bytes stand in 'data'.", name);
            if (found) return ApiError.BadRequest("The form gives 'data' twice.", "data");
            found = true;
            await new TeeStream(section.Body, writer, MostBytes).CopyToAsync(Stream.Null, cancellationToken);
        }
        return found ? null : ApiError.BadRequest("The form has no part 'data'.", "data");
    }

    /// <summary>Adds the part while the upload takes parts: completing, cancelling and the sweeper meet the row's lock.</summary>
    private async Task<ApiError?> SaveAsync(UploadPart part, Upload upload, CancellationToken cancellationToken)
    {
        await using IDbContextTransaction transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        int open = await db.Uploads.Where(u => u.Id == upload.Id && u.Status == UploadStatus.Pending && u.ExpiresAt > now)
            .ExecuteUpdateAsync(set => set.SetProperty(u => u.ExpiresAt, u => u.ExpiresAt), cancellationToken);
        if (open == 0) return ApiError.Conflict($"Upload {upload.Id} takes no more parts: it was completed or cancelled, or its hour is over. Create another one.", "upload_id");

        // A part may be sent again after an answer was lost, but not without end.
        long held = await db.UploadParts.Where(p => p.UploadId == upload.Id).SumAsync(p => p.Bytes, cancellationToken);
        if (held + part.Bytes > 2 * upload.Bytes)
            return ApiError.BadRequest($"The parts of upload {upload.Id} come to {held + part.Bytes} bytes, more than twice the {upload.Bytes} that it declared.", "data");
        db.UploadParts.Add(part);
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return null;
    }
}
