using TrainingService.Api.Hosting;
using TrainingService.Datasets.Formats;
using TrainingService.Domain.Files;

namespace TrainingService.Api.Files;

/// <summary>A file as OpenAI's SDKs know it, and what its check found.</summary>
/// <param name="Id">The file's id.</param>
/// <param name="Bytes">Length in bytes.</param>
/// <param name="CreatedAt">Moment of creation, Unix seconds.</param>
/// <param name="ExpiresAt">Moment from which the file is gone, Unix seconds; null keeps it.</param>
/// <param name="Filename">Name as the client gave it.</param>
/// <param name="Purpose">What the file is for.</param>
/// <param name="Sha256">Lower-case hexadecimal SHA-256 of the bytes.</param>
/// <param name="Dataset">What the check of a fine-tune file found; null for other purposes.</param>
public sealed record FileObject(
    string Id, long Bytes, long CreatedAt, long? ExpiresAt, string Filename, string Purpose, string? Sha256, DatasetObject? Dataset)
{
    /// <summary>Always <c>file</c>.</summary>
    /// <example>file</example>
    public string Object => "file";

    /// <summary>Always <c>processed</c>: a file is checked while it is uploaded.</summary>
    /// <example>processed</example>
    public string Status => "processed";

    /// <summary>What a job on the file needs, where its rows have no known shape; otherwise null, as a file with problems is refused.</summary>
    public string? StatusDetails => Dataset?.Format == TrainingFileCheck.CustomFormat
        ? "The rows have no known shape. A job on this file must say in a column mapping which of their columns is which field." : null;

    internal static FileObject Of(StoredFile file) => new(
        file.Id, file.Bytes, file.CreatedAt.ToUnixSeconds(), file.ExpiresAt?.ToUnixSeconds(), file.Filename, file.Purpose, file.Sha256,
        file.Format is { } format ? new(format, file.Rows ?? 0) : null);
}

/// <summary>What the check of a fine-tune file found.</summary>
/// <param name="Format">The shape of its rows, e.g. openai_preference, trl_unpaired_text or sharegpt; custom where it has no known one.</param>
/// <param name="Rows">Rows, blank lines not counted.</param>
public sealed record DatasetObject(string Format, long Rows);

/// <summary>The answer to a deletion.</summary>
/// <param name="Id">The file's id.</param>
/// <param name="Deleted">Always true: otherwise the answer is an error.</param>
public sealed record DeletedFileObject(string Id, bool Deleted)
{
    /// <summary>Always <c>file</c>.</summary>
    /// <example>file</example>
    public string Object => "file";
}
