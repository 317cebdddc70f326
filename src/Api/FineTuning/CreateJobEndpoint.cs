using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using TrainingService.Api.Errors;
using TrainingService.Api.Hosting;
using TrainingService.Api.Repeats;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.FineTuning;

internal static class CreateJobEndpoint
{
    private const int LongestBody = 1 << 20;

    public static void MapCreateJob(this IEndpointRouteBuilder jobs) => jobs.MapPost("", CreateJob).MayBeRepeated().AcceptsJob();

    /// <summary>Marks an endpoint as one that reads a job's request.</summary>
    public static void AcceptsJob(this RouteHandlerBuilder endpoint) => endpoint
        .Accepts<CreateJobRequest>("application/json")
        .WithMetadata(new RequestSizeLimitAttribute(LongestBody));

    /// <summary>Create a job</summary>
    /// <remarks>
    /// Trains a LoRA adapter by the method's `type`: preference pairs by dpo, orpo or cpo, rows with a label by kto, conversations by
    /// supervised. Every setting has a default; a setting that is unknown or out
    /// of range is an error, and all problems of a request are told at once. The answer shows every setting resolved.
    /// </remarks>
    /// <response code="200">The queued job.</response>
    /// <response code="400">beta is 3; it must be a number above 0, at most 2, or "auto".</response>
    /// <response code="413">The request's body is larger than this endpoint takes.</response>
    /// <response code="415">Content-Type 'text/plain' is not what this endpoint reads: files are sent as multipart/form-data, everything else as application/json.</response>
    private static async Task<Results<Ok<JobObject>, ApiError>> CreateJob(
        HttpRequest http, Caller caller, JobRequests requests, RepeatableWork work, TrainingDbContext db, JobQueueing queue, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        (ReadJob? read, ApiError? error) = await requests.ReadAsync(http, caller, cancellationToken);
        if (read is null) return error!;
        string id = Ids.Job(await work.SeedAsync());
        if (work.MayBeDone && await db.FindJobAsync(id, caller, cancellationToken) is { } done)
            return TypedResults.Ok(await db.DescribeAsync(done, timeProvider, cancellationToken));
        if (read.Problems.Count > 0) return JobRequests.ErrorOf(read.Problems);

        FineTuningJob job = await SaveAsync(id, read.Request, read.Recipe, caller, db, timeProvider, cancellationToken);
        queue.Enqueue(job.Id);
        return TypedResults.Ok(await db.DescribeAsync(job, timeProvider, cancellationToken));
    }

    private static async Task<FineTuningJob> SaveAsync(
        string id, CreateJobRequest request, TrainingRecipe recipe, Caller caller, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        var job = new FineTuningJob(id, request.Model, request.TrainingFile, request.ValidationFile,
            RecipeJson.Write(recipe).ToJsonString(), recipe.Seed, request.Suffix, request.Metadata, now);
        job.GiveTo(caller.Owner);
        db.Jobs.Add(job);
        db.Events.Add(new JobEvent(Ids.Event(), job.Id, "info", "message", $"Created fine-tuning job: {job.Id}", null, now));
        await db.SaveChangesAsync(cancellationToken);
        return job;
    }
}
