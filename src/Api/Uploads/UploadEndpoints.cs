using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.Files;
using TrainingService.Api.Hosting;
using TrainingService.Api.Repeats;
using TrainingService.Domain.Uploads;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.Uploads;

internal static class UploadEndpoints
{
    private const int LongestBody = 1 << 20;
    private const int LongestMimeType = 255;
    private static readonly TimeSpan s_lifetime = TimeSpan.FromHours(1);

    public static void MapUploads(this IEndpointRouteBuilder v1)
    {
        RouteGroupBuilder uploads = v1.MapGroup("/uploads").WithTags("Uploads");
        uploads.MapPost("", CreateUpload).Accepts<CreateUploadRequest>("application/json").WithMetadata(new RequestSizeLimitAttribute(LongestBody)).MayBeRepeated();
        uploads.MapPost("/{id}/parts", AddUploadPart).Accepts<UploadPartForm>("multipart/form-data").MayBeRepeated();
        uploads.MapPost("/{id}/complete", CompleteUpload).Accepts<CompleteUploadRequest>("application/json").WithMetadata(new RequestSizeLimitAttribute(LongestBody)).MayBeRepeated();
        uploads.MapPost("/{id}/cancel", CancelUpload).MayBeRepeated();
    }

    /// <summary>Start an upload in parts</summary>
    /// <remarks>
    /// For large files and shaky connections: add parts of at most 64 MiB in any order, then complete the upload. It expires
    /// after an hour.
    /// </remarks>
    /// <response code="200">The upload, which takes parts.</response>
    /// <response code="400">bytes is -1; it must be a whole number of at least 1.</response>
    /// <response code="413">The file is larger than this service takes.</response>
    /// <response code="415">Content-Type 'text/plain' is not what this endpoint reads: files are sent as multipart/form-data, everything else as application/json.</response>
    private static async Task<Results<Ok<UploadObject>, ApiError>> CreateUpload(
        HttpRequest http, Caller caller, FileIntake intake, RepeatableWork work, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        (CreateUploadRequest? request, ApiError? error) = await JsonBody.ReadAsync<CreateUploadRequest>(http, cancellationToken);
        if (request is null) return error!;
        if (Problem(request) is { } problem) return problem;
        if (request.Bytes > intake.MaxBytes) return intake.TooLarge("bytes");

        string id = Ids.Upload(await work.SeedAsync());
        if (work.MayBeDone && await FindAsync(id, caller, db, cancellationToken) is { } done) return TypedResults.Ok(UploadObject.Of(done));
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        var upload = new Upload(id, FileIntake.NameOf(request.Filename!), request.Purpose!, request.MimeType!, request.Bytes!.Value, caller.Owner, now, now + s_lifetime);
        if (request.ExpiresAfter?.Seconds is { } seconds) upload.LimitFile(seconds);
        db.Uploads.Add(upload);
        await db.SaveChangesAsync(cancellationToken);
        return TypedResults.Ok(UploadObject.Of(upload));
    }

    /// <summary>Add a part to an upload</summary>
    /// <remarks>Parts may be sent in any order and several at once; completing puts them in order.</remarks>
    /// <param name="id" example="upload_x9Kq0jVJkRHzTfVJcJ0a3v1S">The upload's id.</param>
    /// <response code="200">The part.</response>
    /// <response code="400">The form has no part 'data'.</response>
    /// <response code="404">No such Upload object: upload_abc</response>
    /// <response code="409">Upload upload_abc takes no more parts: it was completed or cancelled, or its hour is over. Create another one.</response>
    /// <response code="413">The part is larger than 67108864 bytes (64 MiB). Cut the file into smaller parts.</response>
    /// <response code="415">The request is not a multipart form.</response>
    private static async Task<Results<Ok<UploadPartObject>, ApiError>> AddUploadPart(
        string id, HttpRequest request, Caller caller, TrainingDbContext db, PartIntake parts, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, caller, db, cancellationToken) is not { } upload) return NoSuchUpload(id);
        (UploadPart? part, ApiError? error) = await parts.ReceiveAsync(request, upload, cancellationToken);
        return part is null ? error! : TypedResults.Ok(UploadPartObject.Of(part));
    }

    /// <summary>Make a file of an upload's parts</summary>
    /// <remarks>
    /// The parts in the given order must come to the declared bytes; the file is checked as by "Upload a file". A call
    /// repeated after its answer was lost answers with the same file.
    /// </remarks>
    /// <param name="id" example="upload_x9Kq0jVJkRHzTfVJcJ0a3v1S">The upload's id.</param>
    /// <response code="200">The completed upload with its file.</response>
    /// <response code="400">The parts come to 10 bytes, but the upload declared 12.</response>
    /// <response code="404">No such Upload object: upload_abc</response>
    /// <response code="409">Upload upload_abc was cancelled. Create another one.</response>
    /// <response code="413">The request's body is larger than this endpoint takes.</response>
    /// <response code="415">Content-Type 'text/plain' is not what this endpoint reads: files are sent as multipart/form-data, everything else as application/json.</response>
    private static async Task<Results<Ok<UploadObject>, ApiError>> CompleteUpload(
        string id, HttpRequest http, Caller caller, TrainingDbContext db, UploadCompletion completion, CancellationToken cancellationToken)
    {
        (CompleteUploadRequest? request, ApiError? error) = await JsonBody.ReadAsync<CompleteUploadRequest>(http, cancellationToken);
        if (request is null) return error!;
        if (await FindAsync(id, caller, db, cancellationToken) is not { } upload) return NoSuchUpload(id);
        (UploadObject? completed, error) = await completion.CompleteAsync(upload, request, cancellationToken);
        return completed is null ? error! : TypedResults.Ok(completed);
    }

    /// <summary>Cancel an upload</summary>
    /// <remarks>Its parts are deleted, and it takes no more.</remarks>
    /// <param name="id" example="upload_x9Kq0jVJkRHzTfVJcJ0a3v1S">The upload's id.</param>
    /// <response code="200">The cancelled upload.</response>
    /// <response code="404">No such Upload object: upload_abc</response>
    /// <response code="409">Upload upload_abc is completed; it cannot be cancelled.</response>
    private static async Task<Results<Ok<UploadObject>, ApiError>> CancelUpload(
        string id, Caller caller, TrainingDbContext db, IFileStore store, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, caller, db, cancellationToken) is null) return NoSuchUpload(id);
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        await db.Uploads.Where(u => u.Id == id && u.Status == UploadStatus.Pending && u.ExpiresAt > now)
            .ExecuteUpdateAsync(set => set.SetProperty(u => u.Status, UploadStatus.Cancelled), cancellationToken);
        db.ChangeTracker.Clear();
        Upload upload = await db.Uploads.SingleAsync(u => u.Id == id, cancellationToken);
        // Also a second time: the answer of the first may have been lost.
        if (upload.Status != UploadStatus.Cancelled)
            return ApiError.Conflict($"Upload {id} is {(upload.Status == UploadStatus.Completed ? "completed" : "expired")}; it cannot be cancelled.", "id");
        await db.DeletePartsAsync(store, id, cancellationToken);
        return TypedResults.Ok(UploadObject.Of(upload));
    }

    private static ApiError? Problem(CreateUploadRequest request)
    {
        if (request.Filename is not { } filename || !FileIntake.IsFilename(FileIntake.NameOf(filename)))
            return ApiError.BadRequest($"filename is missing or no name; give one of {FileIntake.FilenameRule}.", "filename");
        if (request.Purpose is null) return ApiError.BadRequest($"purpose is missing; give one of {FileIntake.PurposeNames}.", "purpose");
        if (FileIntake.PurposeProblem(request.Purpose) is { } problem) return problem;
        if (request.Bytes is not { } bytes) return ApiError.BadRequest("bytes is missing; give the file's length.", "bytes");
        if (bytes < 1) return ApiError.BadRequest($"bytes is {bytes}; it must be a whole number of at least 1.", "bytes");
        if (string.IsNullOrWhiteSpace(request.MimeType) || request.MimeType.Length > LongestMimeType)
            return ApiError.BadRequest("mime_type is missing or no media type; give e.g. text/jsonl.", "mime_type");
        if (request.ExpiresAfter is not { } expiry) return null;
        if (FileIntake.AnchorProblem(expiry.Anchor ?? "", "expires_after.anchor") is { } anchor) return anchor;
        return FileIntake.IsLifetime(expiry.Seconds ?? 0) ? null : FileIntake.LifetimeProblem($"{expiry.Seconds}", "expires_after.seconds");
    }

    private static Task<Upload?> FindAsync(string id, Caller caller, TrainingDbContext db, CancellationToken cancellationToken) =>
        db.Uploads.VisibleTo(caller).SingleOrDefaultAsync(u => u.Id == id, cancellationToken);

    private static ApiError NoSuchUpload(string id) => ApiError.NoSuch("Upload", id);
}
