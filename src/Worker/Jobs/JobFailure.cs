using System.Runtime.InteropServices;
using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Models;
using TrainingService.Training.Trainers;

namespace TrainingService.Worker.Jobs;

/// <summary>A job cannot be done as it was asked for.</summary>
internal sealed class JobRefusedException(string code, string message, string? param) : Exception(message)
{
    public string Code { get; } = code;

    public string? Param { get; } = param;
}

/// <summary>What an exception means for the job.</summary>
/// <param name="Code">Machine-readable reason.</param>
/// <param name="Message">The reason in words for the client.</param>
/// <param name="Param">Field of the request that it is about.</param>
/// <param name="MayPass">Whether another attempt may do better.</param>
internal sealed record JobFailure(string Code, string Message, string? Param, bool MayPass)
{
    /// <param name="exception">What the run threw.</param>
    /// <param name="method">The job's method.</param>
    /// <param name="isMapped">Whether the job maps its files' columns: then no upload could check every row.</param>
    public static JobFailure Of(Exception exception, TrainingMethod method, bool isMapped) => exception switch
    {
        JobRefusedException e => new(e.Code, e.Message, e.Param, MayPass: false),
        TrainingFileException e when isMapped => new("invalid_training_file", $"A row does not fit the job's columns: {e.Message}", RecipeJson.ColumnsParam(method), MayPass: false),
        TrainingFileException e => new("invalid_training_file", $"The file changed since it was checked: {e.Message}", "training_file", MayPass: false),
        TokenizerFormatException e => new("unsupported_model", $"The model's tokenizer cannot be used: {e.Message}", "model", MayPass: false),
        ChatTemplateException e => new("unsupported_model", e.Message, "model", MayPass: false),
        ModelFormatException e => new("unsupported_model", e.Message, "model", MayPass: false),
        NonFiniteMetricException e => new("training_diverged", e.Message, RecipeJson.HyperparametersParam(method), MayPass: false),
        // Before what its exceptions derive from.
        _ when JobLease.IsDatabaseAway(exception) => new("database_error", "The database did not answer.", null, MayPass: true),
        IOException or UnauthorizedAccessException => new("storage_error", exception.Message, null, MayPass: true),
        OutOfMemoryException => OutOfMemory(method),
        ExternalException e when e.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
            || e.Message.Contains("can't allocate memory", StringComparison.OrdinalIgnoreCase) => OutOfMemory(method),
        _ => new("internal_error", $"An error of the service: {exception.Message}", null, MayPass: false),
    };

    public static JobFailure Crashed(int attempts) => new("worker_crashed",
        $"The worker stopped without a word {attempts} times in a row before the job got any further, most often because the machine ran out of memory. "
        + "A smaller batch_size or max_length needs less.", null, MayPass: false);

    private static JobFailure OutOfMemory(TrainingMethod method) => new("out_of_memory",
        "The machine ran out of memory. A smaller batch_size or max_length needs less.", $"{RecipeJson.HyperparametersParam(method)}.batch_size", MayPass: true);
}
