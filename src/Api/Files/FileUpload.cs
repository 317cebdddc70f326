using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using TrainingService.Api.Errors;
using TrainingService.Api.Hosting;
using TrainingService.Api.Repeats;
using TrainingService.Datasets.Formats;
using TrainingService.Domain.Files;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Files;

namespace TrainingService.Api.Files;

/// <summary>
/// Receives one upload: the file goes to the store while its rows are checked, in memory that does not grow with the
/// file. Whatever goes wrong, nothing stays in the store.
/// </summary>
internal sealed class FileUpload(IFileStore store, FileIntake intake)
{
    private const string AnchorField = "expires_after[anchor]";
    private const string SecondsField = "expires_after[seconds]";
    private const int LongestField = 4096;

    private static readonly string[] s_fields = ["file", "purpose", AnchorField, SecondsField];

    /// <summary>The stored file, not yet in the database, or why there is none.</summary>
    public async Task<(StoredFile? File, ApiError? Error)> ReceiveAsync(HttpRequest request, RepeatableWork work, CancellationToken cancellationToken)
    {
        (MultipartReader? reader, ApiError? unopened) = MultipartForm.Open(request, intake.MaxBytes, intake.TooLarge("file"));
        if (reader is null) return (null, unopened);

        string key = FileIntake.NewKey();
        await using FileStoreWriter writer = store.Create(key);
        try
        {
            (UploadedParts parts, ApiError? error) = await ReadFormAsync(reader, writer, cancellationToken);
            if ((error ?? Problem(parts)) is { } problem) return (null, problem);
            return (await intake.CommitAsync(Ids.File(await work.SeedAsync()), key, parts.Filename!, parts.Purpose!, parts.Check, parts.ExpiresAfter, writer, cancellationToken), null);
        }
        catch (UploadTooLargeException)
        {
            return (null, intake.TooLarge("file"));
        }
        catch (Exception e) when (MultipartForm.IsUnreadable(e))
        {
            return (null, MultipartForm.Unreadable(e));
        }
    }

    private async Task<(UploadedParts Parts, ApiError? Error)> ReadFormAsync(MultipartReader reader, FileStoreWriter writer, CancellationToken cancellationToken)
    {
        var parts = new UploadedParts();
        while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
        {
            if (MultipartForm.DispositionOf(section) is not { } disposition) return (parts, MultipartForm.NoDisposition);
            string name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
            if (!s_fields.Contains(name))
                return (parts, ApiError.BadRequest($"The form has no field '{name}'. {(WireNames.Nearest(name, s_fields) is { } nearest ? $"Did you mean '{nearest}'?" : $"Known are {string.Join(", ", s_fields)}.")}", name));
            if (!parts.Names.Add(name))
                return (parts, ApiError.BadRequest($"The form gives '{name}' twice.", name));

            ApiError? problem = name == "file"
                ? await ReadFileAsync(parts, disposition, section.Body, writer, cancellationToken)
                : await ReadFieldAsync(parts, name, section.Body, cancellationToken);
            if (problem is not null) return (parts, problem);
        }
        return (parts, null);
    }

    private static async Task<ApiError?> ReadFieldAsync(UploadedParts parts, string name, Stream body, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[LongestField + 1];
        int length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        if (length > LongestField) return ApiError.BadRequest($"The field '{name}' is longer than {LongestField} bytes.", name);
        string value = Encoding.UTF8.GetString(buffer, 0, length);
        switch (name)
        {
            case "purpose":
                parts.Purpose = value;
                return FileIntake.PurposeProblem(value);
            case AnchorField or SecondsField when value.Length == 0:
                // Web forms, Swagger UI's among them, send the fields that were left empty.
                parts.Names.Remove(name);
                return null;
            case AnchorField:
                return FileIntake.AnchorProblem(value, AnchorField);
            default:
                if (!int.TryParse(value, CultureInfo.InvariantCulture, out int seconds) || !FileIntake.IsLifetime(seconds))
                    return FileIntake.LifetimeProblem(value, SecondsField);
                parts.ExpiresAfter = TimeSpan.FromSeconds(seconds);
                return null;
        }
    }

    private async Task<ApiError?> ReadFileAsync(UploadedParts parts, ContentDispositionHeaderValue disposition, Stream body, FileStoreWriter writer, CancellationToken cancellationToken)
    {
        parts.Filename = FileIntake.NameOf(HeaderUtilities.RemoveQuotes(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName).ToString());
        if (!FileIntake.IsFilename(parts.Filename))
            return ApiError.BadRequest($"The part 'file' needs a filename of {FileIntake.FilenameRule}.", "file");
        parts.Check = await intake.ReceiveAsync(body, writer, parts.Purpose, cancellationToken);
        return null;
    }

    private static ApiError? Problem(UploadedParts parts)
    {
        if (parts.Filename is null)
            return ApiError.BadRequest("The form has no part 'file'.", "file");
        if (parts.Purpose is null)
            return ApiError.BadRequest($"The form has no field 'purpose'; give one of {FileIntake.PurposeNames}.", "purpose");
        if (parts.Names.Contains(AnchorField) != parts.Names.Contains(SecondsField))
            return ApiError.BadRequest($"Give both {AnchorField} and {SecondsField}, or neither.", parts.Names.Contains(AnchorField) ? SecondsField : AnchorField);
        return FileIntake.RowsProblem(parts.Filename, parts.Purpose, parts.Check);
    }

    private sealed class UploadedParts
    {
        public HashSet<string> Names { get; } = [];
        public string? Purpose { get; set; }
        public string? Filename { get; set; }
        public TimeSpan? ExpiresAfter { get; set; }
        public TrainingFileCheck? Check { get; set; }
    }
}
