using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using TrainingService.Api.Errors;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;

namespace TrainingService.Api.FineTuning.Validation;

internal static class ValidateJobEndpoint
{
    public static void MapValidateJob(this IEndpointRouteBuilder jobs) => jobs.MapPost("/validate", ValidateJob).WithMetadata(new ChangesNothing()).AcceptsJob();

    /// <summary>Validate a job before it costs anything</summary>
    /// <remarks>
    /// Takes the body of "Create a job" and queues nothing. The answer has every problem, both files as the model reads them
    /// (every row counted, lengths in tokens, what is cut or left out and why, rows told twice, three rows as tokens), the
    /// steps, and an estimate of time and memory that says what it is based on. Large files take a while; a client that
    /// leaves ends the work.
    /// </remarks>
    /// <response code="200">The report. Problems do not make it an error.</response>
    /// <response code="400">The request's body is not valid JSON: '}' is an invalid start of a value.</response>
    /// <response code="413">The request's body is larger than this endpoint takes.</response>
    /// <response code="415">Content-Type 'text/plain' is not what this endpoint reads: files are sent as multipart/form-data, everything else as application/json.</response>
    private static async Task<Results<Ok<JobValidationObject>, ApiError>> ValidateJob(
        HttpRequest http, Caller caller, JobRequests requests, ModelCatalog models, FileExaminer examiner, RunEstimator estimator, CancellationToken cancellationToken)
    {
        (ReadJob? read, ApiError? error) = await requests.ReadAsync(http, caller, cancellationToken);
        if (read is null) return error!;

        List<RecipeProblem> problems = [.. read.Problems];
        ExaminedDataset? training = null, validation = null;
        JobEstimateObject? estimate = null;
        if (read.ModelExists && await models.FindAsync(read.Request.Model, caller, cancellationToken) is { } source)
        {
            (training, validation) = await examiner.ExamineAsync(source, read.TrainingFile, read.ValidationFile, read.Recipe, problems, cancellationToken);
            if (training is { Report.Kept: > 0 })
                estimate = await estimator.EstimateAsync(source, read.Recipe, training.Report, cancellationToken);
        }
        return TypedResults.Ok(new JobValidationObject
        {
            Problems = [.. JobRequests.InReadingOrder(problems).Select(p => new ProblemObject(p.Param is { Length: > 0 } param ? param : null, p.Message))],
            Method = MethodObject.Of(JsonSerializer.SerializeToElement(RecipeJson.Write(read.Recipe))),
            TrainingFile = training is null ? null : new(read.TrainingFile!.Id, training.Report, training.Preview),
            ValidationFile = validation is null ? null : new((read.ValidationFile ?? read.TrainingFile!).Id, validation.Report, validation.Preview),
            Estimate = estimate,
        });
    }
}
