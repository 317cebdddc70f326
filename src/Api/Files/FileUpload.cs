using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using TrainingService.Api.Errors;
using TrainingService.Api.Hosting;
using TrainingService.Datasets.Formats;
using TrainingService.Domain.Files;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Files;

namespace TrainingService.Api.Files;

/// <summary>
/// Receives one upload: the file goes to the store while its rows are checked, in memory that does not grow with the
/// file. Whatever goes wrong, nothing stays in the store.
/// </summary>
internal sealed class FileUpload(IFileStore store, TimeProvider timeProvider, IOptions<ApiOptions> options)
{
    private const string AnchorField = "expires_after[anchor]";
    private const string SecondsField = "expires_after[seconds]";
    private const int LongestBoundary = 200;
    private const int LongestField = 4096;
    private const int LongestFilename = 255;

    // Boundaries, part headers and the other fields, beside the file itself.
    private const int FormOverhead = 1 << 20;

    private static readonly string[] s_fields = ["file", "purpose", AnchorField, SecondsField];

    // The service itself makes files of the other purposes.
    private static readonly string[] s_purposes = [FilePurpose.FineTune, "assistants", "batch", "user_data", "vision", "evals"];

    private readonly long _maxBytes = options.Value.MaxUploadBytes;

    /// <summary>The stored file, not yet in the database, or why there is none.</summary>
    public async Task<(StoredFile? File, ApiError? Error)> ReceiveAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type) || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
            return (null, ApiError.UnsupportedMediaType(request.ContentType));
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).ToString();
        if (boundary.Length is 0 or > LongestBoundary)
            return (null, ApiError.BadRequest($"The Content-Type needs a boundary of 1 to {LongestBoundary} characters."));
        if (request.ContentLength > _maxBytes + FormOverhead)
            return (null, TooLarge());
        request.HttpContext.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = null;

        string id = Ids.File();
        await using FileStoreWriter writer = store.Create($"files/{id}");
        try
        {
            (UploadedParts parts, ApiError? error) = await ReadFormAsync(new MultipartReader(boundary, request.Body), writer, cancellationToken);
            if ((error ?? Problem(parts)) is { } problem) return (null, problem);
            return (await StoreAsync(id, parts, writer, cancellationToken), null);
        }
        catch (UploadTooLargeException)
        {
            return (null, TooLarge());
        }
        catch (Exception e) when (e is InvalidDataException || (e is IOException && e is not (FileStoreException or BadHttpRequestException)))
        {
            return (null, ApiError.BadRequest($"The multipart form cannot be read: {e.Message}"));
        }
    }

    private async Task<(UploadedParts Parts, ApiError? Error)> ReadFormAsync(MultipartReader reader, FileStoreWriter writer, CancellationToken cancellationToken)
    {
        var parts = new UploadedParts();
        while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
        {
            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition))
                return (parts, ApiError.BadRequest("A part of the form has no readable Content-Disposition header."));
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
                return s_purposes.Contains(value) ? null
                    : ApiError.BadRequest($"'{value}' is not one of [{string.Join(", ", s_purposes.Select(p => $"'{p}'"))}] - 'purpose'", "purpose");
            case AnchorField:
                return value == "created_at" ? null : ApiError.BadRequest($"{AnchorField} is '{value}'; it must be 'created_at'.", AnchorField);
            default:
                if (!int.TryParse(value, CultureInfo.InvariantCulture, out int seconds) || seconds is < 3600 or > 2_592_000)
                    return ApiError.BadRequest($"{SecondsField} is '{value}'; it must be a whole number from 3600 (an hour) to 2592000 (30 days).", SecondsField);
                parts.ExpiresAfter = TimeSpan.FromSeconds(seconds);
                return null;
        }
    }

    private async Task<ApiError?> ReadFileAsync(UploadedParts parts, ContentDispositionHeaderValue disposition, Stream body, FileStoreWriter writer, CancellationToken cancellationToken)
    {
        string given = HeaderUtilities.RemoveQuotes(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName).ToString();
        // Old browsers send the whole path.
        parts.Filename = given[(given.LastIndexOfAny(['/', '\\']) + 1)..];
        if (parts.Filename.Length is 0 or > LongestFilename || parts.Filename.Any(char.IsControl))
            return ApiError.BadRequest($"The part 'file' needs a filename of 1 to {LongestFilename} characters without control characters.", "file");

        var content = new TeeStream(body, writer, _maxBytes);
        // While the purpose is not known, the rows are checked in case it is fine-tune: the file passes only once.
        if (parts.Purpose is null or FilePurpose.FineTune)
            parts.Check = await PreferenceFile.CheckAsync(content, cancellationToken);
        await content.CopyToAsync(Stream.Null, cancellationToken);
        return null;
    }

    private static ApiError? Problem(UploadedParts parts)
    {
        if (parts.Filename is null)
            return ApiError.BadRequest("The form has no part 'file'.", "file");
        if (parts.Purpose is null)
            return ApiError.BadRequest($"The form has no field 'purpose'; give one of {string.Join(", ", s_purposes)}.", "purpose");
        if (parts.Names.Contains(AnchorField) != parts.Names.Contains(SecondsField))
            return ApiError.BadRequest($"Give both {AnchorField} and {SecondsField}, or neither.", parts.Names.Contains(AnchorField) ? SecondsField : AnchorField);
        return parts.Purpose == FilePurpose.FineTune && parts.Check is { IsValid: false } check ? BadRows(parts.Filename, check) : null;
    }

    private static ApiError BadRows(string filename, PreferenceFileCheck check)
    {
        var message = new StringBuilder(filename).Append(" was not stored: ");
        if (check.FirstProblems is [{ Row: 0 } whole])
            message.Append(whole);
        else
        {
            message.Append(CultureInfo.InvariantCulture, $"{check.ProblemCount} of {check.Rows} rows cannot be trained on.");
            if (check.ProblemCount > check.FirstProblems.Count)
                message.Append(CultureInfo.InvariantCulture, $" The first {check.FirstProblems.Count}:");
            foreach (RowProblem problem in check.FirstProblems)
                message.Append('\n').Append(problem);
        }
        return ApiError.BadRequest(message.ToString(), "file", "invalid_file");
    }

    private async Task<StoredFile> StoreAsync(string id, UploadedParts parts, FileStoreWriter writer, CancellationToken cancellationToken)
    {
        StoredContent content = await writer.CommitAsync(cancellationToken);
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        var file = new StoredFile(id, parts.Filename!, parts.Purpose!, content.Bytes, $"files/{id}", now);
        file.RecordDigest(content.Sha256);
        if (parts.Purpose == FilePurpose.FineTune) file.RecordRows(NameOf(parts.Check!.Format!.Value), parts.Check.Rows);
        if (parts.ExpiresAfter is { } lifetime) file.ExpireAt(now + lifetime);
        return file;
    }

    private static string NameOf(PreferenceFormat format) => format switch
    {
        PreferenceFormat.OpenAI => "openai_preference",
        _ => WireNames.Of(format),
    };

    private ApiError TooLarge() => ApiError.TooLarge(string.Create(CultureInfo.InvariantCulture,
        $"The file is larger than the {_maxBytes} bytes ({_maxBytes / (double)(1 << 20):0.#} MiB) that this service takes. Split it, or raise Api:MaxUploadBytes."), "file");

    private sealed class UploadedParts
    {
        public HashSet<string> Names { get; } = [];
        public string? Purpose { get; set; }
        public string? Filename { get; set; }
        public TimeSpan? ExpiresAfter { get; set; }
        public PreferenceFileCheck? Check { get; set; }
    }
}
