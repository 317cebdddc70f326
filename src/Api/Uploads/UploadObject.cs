using TrainingService.Api.Files;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Files;
using TrainingService.Domain.Recipes;
using TrainingService.Domain.Uploads;

namespace TrainingService.Api.Uploads;

/// <summary>A file that arrives in parts.</summary>
/// <param name="Id">The upload's id.</param>
/// <param name="Bytes">Length that the parts must come to.</param>
/// <param name="CreatedAt">Moment of creation, Unix seconds.</param>
/// <param name="ExpiresAt">Moment from which it takes no parts, Unix seconds.</param>
/// <param name="Filename">Name of the file to be.</param>
/// <param name="Purpose">Purpose of the file to be.</param>
/// <param name="Status">pending, completed, cancelled or expired.</param>
/// <param name="File">The file that the parts became; null until then, and once it is deleted.</param>
public sealed record UploadObject(
    string Id, long Bytes, long CreatedAt, long ExpiresAt, string Filename, string Purpose, string Status, FileObject? File)
{
    /// <summary>Always <c>upload</c>.</summary>
    /// <example>upload</example>
    public string Object => "upload";

    internal static UploadObject Of(Upload upload, StoredFile? file = null) => new(
        upload.Id, upload.Bytes, upload.CreatedAt.ToUnixSeconds(), upload.ExpiresAt.ToUnixSeconds(), upload.Filename, upload.Purpose,
        WireNames.Of(upload.Status), file is null ? null : FileObject.Of(file));
}

/// <summary>Some bytes of an upload.</summary>
/// <param name="Id">The part's id: what <c>part_ids</c> puts in order.</param>
/// <param name="CreatedAt">Moment of creation, Unix seconds.</param>
/// <param name="UploadId">The upload.</param>
public sealed record UploadPartObject(string Id, long CreatedAt, string UploadId)
{
    /// <summary>Always <c>upload.part</c>.</summary>
    /// <example>upload.part</example>
    public string Object => "upload.part";

    internal static UploadPartObject Of(UploadPart part) => new(part.Id, part.CreatedAt.ToUnixSeconds(), part.UploadId);
}
