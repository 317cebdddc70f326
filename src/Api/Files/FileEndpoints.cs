using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;
using TrainingService.Api.Errors;
using TrainingService.Api.Paging;
using TrainingService.Api.Repeats;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.Files;

internal static class FileEndpoints
{
    private const int MostFiles = 10_000;

    public static void MapFiles(this IEndpointRouteBuilder v1)
    {
        RouteGroupBuilder files = v1.MapGroup("/files").WithTags("Files");
        files.MapPost("", CreateFile).Accepts<FileUploadForm>("multipart/form-data").MayBeRepeated();
        files.MapGet("", ListFiles);
        files.MapGet("/{id}", GetFile);
        files.MapGet("/{id}/content", GetFileContent).Produces<Stream>(StatusCodes.Status200OK, "application/octet-stream");
        files.MapDelete("/{id}", DeleteFile);
    }

    /// <summary>Files that have not expired: the others are gone for clients, although their bytes may lie there still.</summary>
    public static IQueryable<StoredFile> Unexpired(this IQueryable<StoredFile> files, TimeProvider timeProvider)
    {
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        return files.Where(f => f.ExpiresAt == null || f.ExpiresAt > now);
    }

    /// <summary>Upload a file</summary>
    /// <remarks>
    /// A file of purpose fine-tune holds one preference pair a row, as JSON Lines, JSON, CSV, TSV or Parquet, plain or compressed
    /// by gzip or zstd, recognised by content. It is checked while it is uploaded: every
    /// bad row is counted, the first twenty are told, and nothing is stored. Rows are OpenAI's (`input`, `preferred_output`,
    /// `non_preferred_output`) or TRL's (`prompt`, `chosen`, `rejected`, as text or as messages).
    /// </remarks>
    /// <response code="200">The stored file.</response>
    /// <response code="400">concise.jsonl was not stored: 1 of 120 rows cannot be trained on.</response>
    /// <response code="413">The file is larger than this service takes.</response>
    /// <response code="415">The request is not a multipart form.</response>
    private static async Task<Results<Ok<FileObject>, ApiError>> CreateFile(
        HttpRequest request, FileUpload upload, Caller caller, RepeatableWork work, TrainingDbContext db, IFileStore store, UnsavedBytes unsaved, CancellationToken cancellationToken)
    {
        (StoredFile? file, ApiError? error) = await upload.ReceiveAsync(request, work, cancellationToken);
        if (file is null) return error!;
        if (work.MayBeDone && await db.Files.AsNoTracking().SingleOrDefaultAsync(f => f.Id == file.Id, cancellationToken) is { } done)
        {
            store.Delete(file.StorageKey);
            return TypedResults.Ok(FileObject.Of(done));
        }
        file.GiveTo(caller.Owner);
        db.Files.Add(file);
        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch
        {
            await unsaved.DeleteAsync(file.StorageKey, saved => saved.Files.AnyAsync(f => f.StorageKey == file.StorageKey));
            throw;
        }
        return TypedResults.Ok(FileObject.Of(file));
    }

    /// <summary>List files</summary>
    /// <param name="purpose">Only files of this purpose.</param>
    /// <param name="limit">Most files of the page, 1 to 10000; 10000 by default.</param>
    /// <param name="order">By moment of creation: desc (default, newest first) or asc.</param>
    /// <param name="after">Id of the last file of the page before.</param>
    /// <response code="200">One page of files.</response>
    /// <response code="400">limit is 0; it must be a whole number from 1 to 10000.</response>
    private static async Task<Results<Ok<ListPage<FileObject>>, ApiError>> ListFiles(
        string? purpose, int? limit, string? order, string? after, Caller caller, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        if (Page.Problem(limit, MostFiles, order) is { } problem) return problem;
        if (purpose is not null && !FilePurpose.All.Contains(purpose))
            return ApiError.BadRequest($"purpose is '{purpose}'; it must be one of {string.Join(", ", FilePurpose.All)}.", "purpose");

        bool ascending = order == "asc";
        IQueryable<StoredFile> files = db.Files.AsNoTracking().VisibleTo(caller).Unexpired(timeProvider);
        if (purpose is not null) files = files.Where(f => f.Purpose == purpose);
        if (after is not null)
        {
            if (await db.Files.AsNoTracking().VisibleTo(caller).SingleOrDefaultAsync(f => f.Id == after, cancellationToken) is not { } last)
                return Page.UnknownCursor(after, "files");
            files = ascending
                ? files.Where(f => f.CreatedAt > last.CreatedAt || (f.CreatedAt == last.CreatedAt && f.Id.CompareTo(after) > 0))
                : files.Where(f => f.CreatedAt < last.CreatedAt || (f.CreatedAt == last.CreatedAt && f.Id.CompareTo(after) < 0));
        }
        files = ascending ? files.OrderBy(f => f.CreatedAt).ThenBy(f => f.Id) : files.OrderByDescending(f => f.CreatedAt).ThenByDescending(f => f.Id);
        return TypedResults.Ok((await files.TakePageAsync(limit ?? MostFiles, cancellationToken)).ToPage(f => f.Id, FileObject.Of));
    }

    /// <summary>Get a file's record</summary>
    /// <param name="id" example="file-XF99R149oP81Kr64h41SYe">The file's id.</param>
    /// <response code="200">The file.</response>
    /// <response code="404">No such File object: file-abc</response>
    private static async Task<Results<Ok<FileObject>, ApiError>> GetFile(string id, Caller caller, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken) =>
        await FindAsync(id, caller, db, timeProvider, cancellationToken) is { } file ? TypedResults.Ok(FileObject.Of(file)) : ApiError.NoSuch("File", id);

    /// <summary>Download a file</summary>
    /// <remarks>The bytes as they were uploaded. Ranges and conditional requests work.</remarks>
    /// <param name="id" example="file-XF99R149oP81Kr64h41SYe">The file's id.</param>
    /// <response code="200">The bytes.</response>
    /// <response code="404">No such File object: file-abc</response>
    private static async Task<Results<FileStreamHttpResult, ApiError>> GetFileContent(
        string id, Caller caller, TrainingDbContext db, IFileStore store, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, caller, db, timeProvider, cancellationToken) is not { } file) return ApiError.NoSuch("File", id);
        return TypedResults.Stream(store.OpenRead(file.StorageKey), "application/octet-stream", file.Filename,
            file.CreatedAt, file.Sha256 is { } digest ? new EntityTagHeaderValue($"\"{digest}\"") : null, enableRangeProcessing: true);
    }

    /// <summary>Delete a file</summary>
    /// <remarks>Refused while a job that has not ended needs the file.</remarks>
    /// <param name="id" example="file-XF99R149oP81Kr64h41SYe">The file's id.</param>
    /// <response code="200">The file is deleted.</response>
    /// <response code="404">No such File object: file-abc</response>
    /// <response code="409">File file-abc is needed by job ftjob-abc, which is running. Cancel the job or wait until it ends.</response>
    private static async Task<Results<Ok<DeletedFileObject>, ApiError>> DeleteFile(
        string id, Caller caller, TrainingDbContext db, IFileStore store, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, caller, db, timeProvider, cancellationToken) is not { } file) return ApiError.NoSuch("File", id);
        var needing = await db.Jobs
            .Where(j => FineTuningJob.OpenStatuses.Contains(j.Status) && (j.TrainingFileId == id || j.ValidationFileId == id))
            .OrderBy(j => j.CreatedAt).Select(j => new { j.Id, j.Status }).FirstOrDefaultAsync(cancellationToken);
        if (needing is not null)
            return ApiError.Conflict($"File {id} is needed by job {needing.Id}, which is {WireNames.Of(needing.Status)}. Cancel the job or wait until it ends.", "id", "file_in_use");

        // The row first: a crash in between leaves bytes that nobody refers to, never a file without bytes.
        db.Files.Remove(file);
        await db.SaveChangesAsync(cancellationToken);
        store.Delete(file.StorageKey);
        return TypedResults.Ok(new DeletedFileObject(id, true));
    }

    private static Task<StoredFile?> FindAsync(string id, Caller caller, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken) =>
        db.Files.VisibleTo(caller).Unexpired(timeProvider).SingleOrDefaultAsync(f => f.Id == id, cancellationToken);
}
