using TrainingService.Api.Hosting;
using TrainingService.Domain.Models;
using TrainingService.Domain.Recipes;

namespace TrainingService.Api.Models;

/// <summary>A model with all that is known of it. The list of models has the first four fields alone.</summary>
public sealed record ModelDetailsObject
{
    /// <summary>The model's id: its folder's path below the models folder, or a tuned model's name.</summary>
    /// <example>HuggingFaceTB/SmolLM2-135M-Instruct</example>
    public required string Id { get; init; }

    /// <summary>Always <c>model</c>.</summary>
    /// <example>model</example>
    public string Object => "model";

    /// <summary>Moment from which the model is there, or was asked for, Unix seconds.</summary>
    public required long Created { get; init; }

    /// <summary>The organisation whose models these are.</summary>
    public string OwnedBy => TunedModelName.Organization;

    /// <summary>ready, downloading or failed, where a model from the Hub did not arrive.</summary>
    /// <example>ready</example>
    public required string Status { get; init; }

    /// <summary>The <c>model_type</c> of its config.json.</summary>
    /// <example>llama</example>
    public string? Architecture { get; init; }

    /// <summary>Weights in all, without an adapter's.</summary>
    /// <example>134515008</example>
    public long? Parameters { get; init; }

    /// <summary>Length of its files, without an adapter's.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>Tokens it was made for.</summary>
    /// <example>8192</example>
    public long? ContextLength { get; init; }

    /// <summary>Type of most of its weights.</summary>
    /// <example>bfloat16</example>
    public string? Dtype { get; init; }

    /// <summary>Whether it has a tokenizer; without one it reads token ids alone.</summary>
    public bool? Tokenizer { get; init; }

    /// <summary>Whether it has a chat template, which conversations need.</summary>
    public bool? ChatTemplate { get; init; }

    /// <summary>Whether jobs can start from it, as far as is known before one does.</summary>
    public bool? Trainable { get; init; }

    /// <summary>Why not.</summary>
    public string? NotTrainableReason { get; init; }

    /// <summary>The Hub's commit that it is.</summary>
    public string? Revision { get; init; }

    /// <summary>Of a tuned model, the model that its adapter adapts.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Of a tuned model, how it was trained.</summary>
    /// <example>dpo</example>
    public string? Method { get; init; }

    /// <summary>How it comes, or came, from the Hub.</summary>
    public ModelDownloadObject? Download { get; init; }
}

/// <summary>A model's way from the Hub.</summary>
public sealed record ModelDownloadObject
{
    /// <summary>queued, running, succeeded or failed.</summary>
    /// <example>running</example>
    public required string Status { get; init; }

    /// <summary>The branch, tag or commit that was asked for.</summary>
    /// <example>main</example>
    public required string Revision { get; init; }

    /// <summary>The commit that it was.</summary>
    /// <example>12fd25f77366fa6b3b4b768ec3050bf629380bac</example>
    public required string Commit { get; init; }

    /// <summary>Bytes that have arrived.</summary>
    public required long BytesDone { get; init; }

    /// <summary>Bytes in all.</summary>
    public required long BytesTotal { get; init; }

    /// <summary>Moment it was asked for, Unix seconds.</summary>
    public required long CreatedAt { get; init; }

    /// <summary>Moment it ended, Unix seconds.</summary>
    public required long? FinishedAt { get; init; }

    /// <summary>Why it failed. POST /v1/models goes on with what has arrived.</summary>
    public required ModelDownloadError? Error { get; init; }

    internal static ModelDownloadObject Of(ModelDownload download) => new()
    {
        Status = WireNames.Of(download.Status),
        Revision = download.Revision,
        Commit = download.Commit,
        BytesDone = download.BytesDone,
        BytesTotal = download.BytesTotal,
        CreatedAt = download.CreatedAt.ToUnixSeconds(),
        FinishedAt = download.FinishedAt?.ToUnixSeconds(),
        Error = download.ErrorCode is { } code ? new(code, download.ErrorMessage ?? "") : null,
    };
}

/// <summary>Why a download failed.</summary>
/// <param name="Code">The reason for programs.</param>
/// <param name="Message">The reason in words, and what to do.</param>
public sealed record ModelDownloadError(string Code, string Message);
