using System.Globalization;
using System.Text;
using Microsoft.Extensions.Options;
using TrainingService.Api.Errors;
using TrainingService.Api.Hosting;
using TrainingService.Datasets.Formats;
using TrainingService.Domain.Files;
using TrainingService.Storage.Files;

namespace TrainingService.Api.Files;

/// <summary>The rules of every new file, however its bytes arrive: names, purposes, lifetimes, size, and rows that can be trained on.</summary>
internal sealed class FileIntake(TimeProvider timeProvider, IOptions<ApiOptions> options)
{
    private const int LongestFilename = 255;

    // The service itself makes files of the other purposes.
    private static readonly string[] s_purposes = [FilePurpose.FineTune, "assistants", "batch", "user_data", "vision", "evals"];

    public long MaxBytes { get; } = options.Value.MaxUploadBytes;

    public static string PurposeNames => string.Join(", ", s_purposes);

    /// <summary>The last part of a path, as old browsers send the whole.</summary>
    public static string NameOf(string given) => given[(given.LastIndexOfAny(['/', '\\']) + 1)..];

    public static bool IsFilename(string name) => name.Length is > 0 and <= LongestFilename && !name.Any(char.IsControl);

    public static string FilenameRule => $"1 to {LongestFilename} characters without control characters";

    public static ApiError? PurposeProblem(string purpose) => s_purposes.Contains(purpose) ? null
        : ApiError.BadRequest($"'{purpose}' is not one of [{string.Join(", ", s_purposes.Select(p => $"'{p}'"))}] - 'purpose'", "purpose");

    public static ApiError? AnchorProblem(string anchor, string param) =>
        anchor == "created_at" ? null : ApiError.BadRequest($"{param} is '{anchor}'; it must be 'created_at'.", param);

    public static bool IsLifetime(long seconds) => seconds is >= 3600 and <= 2_592_000;

    public static ApiError LifetimeProblem(string seconds, string param) =>
        ApiError.BadRequest($"{param} is '{seconds}'; it must be a whole number from 3600 (an hour) to 2592000 (30 days).", param);

    /// <summary>Passes the bytes on to the store while their rows are checked, in memory that does not grow with the file.</summary>
    /// <param name="body">The bytes.</param>
    /// <param name="writer">The store.</param>
    /// <param name="purpose">The file's purpose; while it is not known, the rows are checked in case it is fine-tune: the file passes only once.</param>
    /// <param name="cancellationToken">Ends the passing.</param>
    /// <returns>What the check found; null for other purposes.</returns>
    /// <exception cref="UploadTooLargeException">There are more bytes than the service takes.</exception>
    public async Task<TrainingFileCheck?> ReceiveAsync(Stream body, FileStoreWriter writer, string? purpose, CancellationToken cancellationToken)
    {
        var content = new TeeStream(body, writer, MaxBytes);
        TrainingFileCheck? check = purpose is null or FilePurpose.FineTune ? await TrainingFile.CheckAsync(content, cancellationToken) : null;
        await content.CopyToAsync(Stream.Null, cancellationToken);
        return check;
    }

    /// <summary>Why a file cannot be trained on, or null.</summary>
    public static ApiError? RowsProblem(string filename, string purpose, TrainingFileCheck? check) =>
        purpose == FilePurpose.FineTune && check is { IsValid: false } ? BadRows(filename, check) : null;

    /// <summary>Makes the bytes durable and describes them; the record is not yet saved.</summary>
    public async Task<StoredFile> CommitAsync(
        string id, string key, string filename, string purpose, TrainingFileCheck? check, TimeSpan? lifetime, FileStoreWriter writer, CancellationToken cancellationToken)
    {
        StoredContent content = await writer.CommitAsync(cancellationToken);
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        var file = new StoredFile(id, filename, purpose, content.Bytes, key, now);
        file.RecordDigest(content.Sha256);
        if (purpose == FilePurpose.FineTune) file.RecordRows(check!.Format, check.Rows);
        if (lifetime is { } kept) file.ExpireAt(now + kept);
        return file;
    }

    /// <summary>Where the bytes of a new file lie. It is no other's, unlike the file's id, which two tries of one request share.</summary>
    public static string NewKey() => $"files/{Ids.File()}";

    public ApiError TooLarge(string param) => ApiError.TooLarge(string.Create(CultureInfo.InvariantCulture,
        $"The file is larger than the {MaxBytes} bytes ({MaxBytes / (double)(1 << 20):0.#} MiB) that this service takes. Split it, or raise Api:MaxUploadBytes."), param);

    private static ApiError BadRows(string filename, TrainingFileCheck check)
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
}
