using TrainingService.Datasets.Preparation;

namespace TrainingService.Api.FineTuning.Validation;

/// <summary>What a job would do and cost, and all that keeps it from being created or from training.</summary>
public sealed record JobValidationObject
{
    /// <summary>Always <c>fine_tuning.job.validation</c>.</summary>
    /// <example>fine_tuning.job.validation</example>
    public string Object => "fine_tuning.job.validation";

    /// <summary>Whether the job would be created and could train.</summary>
    public bool Valid => Problems.Count == 0;

    /// <summary>Everything that is wrong, at once.</summary>
    public required IReadOnlyList<ProblemObject> Problems { get; init; }

    /// <summary>How the job would train, every setting resolved; a setting with a problem has its default.</summary>
    public required MethodObject Method { get; init; }

    /// <summary>The training file as this model reads it; null where model or file cannot be read.</summary>
    public FileValidationObject? TrainingFile { get; init; }

    /// <summary>The validation file, or the rows of the training file that validation_split sets aside, as this model reads it; null where there is neither, or model or file cannot be read.</summary>
    public FileValidationObject? ValidationFile { get; init; }

    /// <summary>What training would take; null where model or training file cannot be read.</summary>
    public JobEstimateObject? Estimate { get; init; }
}

/// <summary>Something that is wrong with a request.</summary>
/// <param name="Param">Path of the field of the request; null where the body as a whole is meant.</param>
/// <param name="Message">What is wrong with which value, and what to do.</param>
public sealed record ProblemObject(string? Param, string Message);

/// <summary>A file as a model reads it.</summary>
/// <param name="Id">The file's id.</param>
/// <param name="Report">Every row counted: lengths in tokens, what is cut, left out, told twice or teaches nothing.</param>
/// <param name="Preview">The first rows that can be trained on, as tokens.</param>
public sealed record FileValidationObject(string Id, DatasetReport Report, IReadOnlyList<PreviewRow> Preview);

/// <summary>What training would take.</summary>
public sealed record JobEstimateObject
{
    /// <summary>Optimiser steps of one pass over the training pairs.</summary>
    public required int StepsAnEpoch { get; init; }

    /// <summary>Optimiser steps in all.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>Tokens that training reads in all, each pair's prompt once.</summary>
    public required long Tokens { get; init; }

    /// <summary>Jobs that the workers present run at once; 0 when there are none.</summary>
    public required int Workers { get; init; }

    /// <summary>Seconds of training, evaluation and checkpoints not counted; null while nothing is known of this service's speed.</summary>
    public double? Seconds { get; init; }

    /// <summary>What <c>seconds</c> follows from, in words.</summary>
    public required string SecondsBasis { get; init; }

    /// <summary>Memory that training needs at its highest, in bytes; null where the model's files do not say.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>What <c>memory_bytes</c> follows from, in words.</summary>
    public required string MemoryBasis { get; init; }
}
