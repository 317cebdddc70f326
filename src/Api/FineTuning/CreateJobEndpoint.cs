using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.Files;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Models;

namespace TrainingService.Api.FineTuning;

internal static class CreateJobEndpoint
{
    private const int LongestBody = 1 << 20;

    // The order in which a person reads a request: model and files before settings.
    private static readonly string[] s_order = ["model", "training_file", "validation_file"];

    private static readonly JsonDocumentOptions s_json = new() { AllowDuplicateProperties = false };

    public static void MapCreateJob(this IEndpointRouteBuilder jobs) => jobs.MapPost("", CreateJob)
        .Accepts<CreateJobRequest>("application/json")
        .WithMetadata(new RequestSizeLimitAttribute(LongestBody));

    /// <summary>Create a job</summary>
    /// <remarks>
    /// Trains a LoRA adapter by direct preference optimisation. Every setting has a default; a setting that is unknown or out
    /// of range is an error, and all problems of a request are told at once. The answer shows every setting resolved.
    /// </remarks>
    /// <response code="200">The queued job.</response>
    /// <response code="400">beta is 3; it must be a number above 0, at most 2, or "auto".</response>
    /// <response code="413">The request's body is larger than this endpoint takes.</response>
    /// <response code="415">Content-Type 'text/plain' is not what this endpoint reads: files are sent as multipart/form-data, everything else as application/json.</response>
    private static async Task<Results<Ok<JobObject>, ApiError>> CreateJob(
        HttpRequest http, TrainingDbContext db, ModelCatalog models, JobQueueing queue, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        if (!http.HasJsonContentType()) return ApiError.UnsupportedMediaType(http.ContentType);
        CreateJobRequest request;
        DpoRecipe recipe;
        IReadOnlyList<RecipeProblem> read;
        try
        {
            using JsonDocument body = await JsonDocument.ParseAsync(http.Body, s_json, cancellationToken);
            (request, recipe, read) = CreateJobReader.Read(body.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Half a surrogate pair or bytes that are no UTF-8 are found only when the text is read: InvalidOperationException.
            return ApiError.BadRequest($"The request's body is not valid JSON: {e.Message}");
        }
        List<RecipeProblem> problems = [.. read, .. await MissingAsync(request, db, models, timeProvider, cancellationToken)];
        if (problems.Count > 0) return ErrorOf(problems);

        FineTuningJob job = await SaveAsync(request, recipe, db, timeProvider, cancellationToken);
        queue.Enqueue(job.Id);
        return TypedResults.Ok(await db.DescribeAsync(job, timeProvider, cancellationToken));
    }

    private static async Task<FineTuningJob> SaveAsync(
        CreateJobRequest request, DpoRecipe recipe, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        var job = new FineTuningJob(Ids.Job(), request.Model, request.TrainingFile, request.ValidationFile,
            DpoRecipeJson.Write(recipe).ToJsonString(), recipe.Seed, request.Suffix, request.Metadata, now);
        db.Jobs.Add(job);
        db.Events.Add(new JobEvent(Ids.Event(), job.Id, "info", "message", $"Created fine-tuning job: {job.Id}", null, now));
        await db.SaveChangesAsync(cancellationToken);
        return job;
    }

    /// <summary>What the request names and the service does not have.</summary>
    private static async Task<List<RecipeProblem>> MissingAsync(
        CreateJobRequest request, TrainingDbContext db, ModelCatalog models, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        List<RecipeProblem> problems = [];
        if (request.Model.Length > 0 && !await models.ExistsAsync(request.Model, cancellationToken))
        {
            string[] known = [.. models.ListFolders().Select(m => m.Id)];
            problems.Add(new("model", $"Model {request.Model} is not available for fine-tuning or does not exist. {(known.Length > 0 ? $"Known are {string.Join(", ", known)}, and the models that jobs made." : "There are no models yet: put one into the models folder.")}"));
        }
        foreach ((string param, string? id) in new[] { ("training_file", request.TrainingFile), ("validation_file", request.ValidationFile) })
        {
            if (string.IsNullOrEmpty(id)) continue;
            StoredFile? file = await db.Files.AsNoTracking().Unexpired(timeProvider).SingleOrDefaultAsync(f => f.Id == id, cancellationToken);
            if (file is null)
                problems.Add(new(param, $"invalid {param}: {id}. There is no such file; upload it by POST /v1/files and give the id of the answer."));
            else if (file.Purpose != FilePurpose.FineTune)
                problems.Add(new(param, $"invalid {param}: {id} has the purpose {file.Purpose}; upload it with the purpose {FilePurpose.FineTune}."));
        }
        return problems;
    }

    private static ApiError ErrorOf(List<RecipeProblem> problems)
    {
        RecipeProblem[] ordered = [.. problems.OrderBy(p => Array.IndexOf(s_order, p.Param) is >= 0 and int place ? place : s_order.Length)];
        string? code = ordered[0].Param == "model" ? "model_not_available" : null;
        string? param = ordered[0].Param is { Length: > 0 } path ? path : null;
        return ApiError.BadRequest(ordered is [var only] ? only.Message
            : $"The request has {ordered.Length} problems:\n{string.Join('\n', ordered.Select(p => p.Message))}", param, code);
    }
}
