using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.FineTuning.Validation;
using TrainingService.Api.Hosting;
using TrainingService.Api.Paging;
using TrainingService.Api.Repeats;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.FineTuning;

internal static class JobEndpoints
{
    internal const int MostItems = 1000;
    private const int DefaultJobs = 20;

    public static void MapJobs(this IEndpointRouteBuilder v1)
    {
        RouteGroupBuilder jobs = v1.MapGroup("/fine_tuning/jobs").WithTags("Fine-tuning");
        jobs.MapCreateJob();
        jobs.MapValidateJob();
        jobs.MapGet("", ListJobs);
        jobs.MapGet("/{id}", GetJob);
        jobs.MapPost("/{id}/cancel", CancelJob).MayBeRepeated();
        jobs.MapPost("/{id}/pause", PauseJob).MayBeRepeated();
        jobs.MapPost("/{id}/resume", ResumeJob).MayBeRepeated();
        jobs.MapEvents();
        jobs.MapCheckpoints();
        jobs.MapMetrics();
        jobs.MapAdapters();
    }

    public static ApiError NoSuchJob(string id) => ApiError.NoSuch("FineTuningJob", id);

    /// <summary>List jobs</summary>
    /// <remarks>
    /// Newest first. `metadata[key]=value` keeps the jobs with that entry and may be given several times; `metadata=null`
    /// keeps those without metadata.
    /// </remarks>
    /// <param name="after">Id of the last job of the page before.</param>
    /// <param name="limit">Most jobs of the page, 1 to 1000; 20 by default.</param>
    /// <response code="200">One page of jobs.</response>
    /// <response code="400">limit is 0; it must be a whole number from 1 to 1000.</response>
    private static async Task<Results<Ok<ListPage<JobObject>>, ApiError>> ListJobs(
        string? after, int? limit, HttpRequest request, Caller caller, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        if (Page.Problem(limit, MostItems) is { } problem) return problem;
        MetadataFilter filter = MetadataFilter.Of(request.Query);
        IQueryable<FineTuningJob> jobs = filter.Jobs(db).AsNoTracking().VisibleTo(caller);
        if (after is not null)
        {
            if (await db.FindJobAsync(after, caller, cancellationToken) is not { } last)
                return Page.UnknownCursor(after, "jobs");
            jobs = jobs.Where(j => j.CreatedAt < last.CreatedAt || (j.CreatedAt == last.CreatedAt && j.Id.CompareTo(after) < 0));
        }
        jobs = jobs.OrderByDescending(j => j.CreatedAt).ThenByDescending(j => j.Id);

        int size = limit ?? DefaultJobs;
        (List<FineTuningJob> Rows, bool HasMore) page = filter.IsEmpty
            ? await jobs.TakePageAsync(size, cancellationToken)
            : await filter.TakePageAsync(jobs, size, cancellationToken);
        IReadOnlyList<JobObject> items = await db.DescribeAsync(page.Rows, timeProvider, cancellationToken);
        return TypedResults.Ok((items.ToList(), page.HasMore).ToPage(j => j.Id, j => j));
    }

    /// <summary>Get a job</summary>
    /// <remarks>While the job runs, `progress` holds its step, epoch, speed, newest metrics and checkpoints.</remarks>
    /// <param name="id" example="ftjob-8wVbAaZ6PbJDOtKQZ1lOJx0R">The job's id.</param>
    /// <response code="200">The job.</response>
    /// <response code="404">No such FineTuningJob object: ftjob-abc</response>
    private static async Task<Results<Ok<JobObject>, ApiError>> GetJob(
        string id, Caller caller, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken) =>
        await db.FindJobAsync(id, caller, cancellationToken) is { } job
            ? TypedResults.Ok(await db.DescribeAsync(job, timeProvider, cancellationToken))
            : NoSuchJob(id);

    /// <summary>Cancel a job</summary>
    /// <remarks>A waiting or paused job ends at once; a running one within a step.</remarks>
    /// <param name="id" example="ftjob-8wVbAaZ6PbJDOtKQZ1lOJx0R">The job's id.</param>
    /// <response code="200">The job.</response>
    /// <response code="404">No such FineTuningJob object: ftjob-abc</response>
    /// <response code="409">Job ftjob-abc is succeeded; it cannot be cancelled.</response>
    private static Task<Results<Ok<JobObject>, ApiError>> CancelJob(
        string id, Caller caller, RepeatableWork work, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken) =>
        ChangeAsync(id, caller, work, db, timeProvider, job =>
        {
            bool asked = job.CancelRequested;
            job.Cancel(timeProvider.GetUtcNow().UtcDateTime);
            return job.IsFinal ? "The job was cancelled." : asked ? null : "The job will be cancelled within a step.";
        }, cancellationToken);

    /// <summary>Pause a job</summary>
    /// <remarks>A waiting job is held back; a running one keeps a checkpoint, within a step, and frees its worker.</remarks>
    /// <param name="id" example="ftjob-8wVbAaZ6PbJDOtKQZ1lOJx0R">The job's id.</param>
    /// <response code="200">The job.</response>
    /// <response code="404">No such FineTuningJob object: ftjob-abc</response>
    /// <response code="409">Job ftjob-abc is succeeded; it cannot be paused.</response>
    private static Task<Results<Ok<JobObject>, ApiError>> PauseJob(
        string id, Caller caller, RepeatableWork work, TrainingDbContext db, TimeProvider timeProvider, CancellationToken cancellationToken) =>
        ChangeAsync(id, caller, work, db, timeProvider, job =>
        {
            bool asked = job.PauseRequested;
            job.Pause();
            return job.Status == JobStatus.Paused ? "The job was paused." : asked ? null : "The job will be paused within a step.";
        }, cancellationToken);

    /// <summary>Resume a paused job</summary>
    /// <remarks>The job waits for a worker, which goes on from its last checkpoint.</remarks>
    /// <param name="id" example="ftjob-8wVbAaZ6PbJDOtKQZ1lOJx0R">The job's id.</param>
    /// <response code="200">The job.</response>
    /// <response code="404">No such FineTuningJob object: ftjob-abc</response>
    /// <response code="409">Job ftjob-abc is running; it cannot be resumed.</response>
    private static async Task<Results<Ok<JobObject>, ApiError>> ResumeJob(
        string id, Caller caller, RepeatableWork work, TrainingDbContext db, JobQueueing queue, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        Results<Ok<JobObject>, ApiError> result = await ChangeAsync(id, caller, work, db, timeProvider, job =>
        {
            job.Resume();
            return "The job was resumed.";
        }, cancellationToken);
        if (result.Result is Ok<JobObject>) queue.Enqueue(id);
        return result;
    }

    public static Task<FineTuningJob?> FindJobAsync(this TrainingDbContext db, string id, Caller caller, CancellationToken cancellationToken) =>
        db.Jobs.AsNoTracking().VisibleTo(caller).SingleOrDefaultAsync(j => j.Id == id, cancellationToken);

    /// <summary>Whether the caller may know of a job of this id.</summary>
    public static Task<bool> HasJobAsync(this TrainingDbContext db, string id, Caller caller, CancellationToken cancellationToken) =>
        db.Jobs.VisibleTo(caller).AnyAsync(j => j.Id == id, cancellationToken);

    /// <param name="change">Moves the job and says so in the words of an event, or null when there is nothing to say.</param>
    private static async Task<Results<Ok<JobObject>, ApiError>> ChangeAsync(
        string id, Caller caller, RepeatableWork work, TrainingDbContext db, TimeProvider timeProvider, Func<FineTuningJob, string?> change, CancellationToken cancellationToken)
    {
        // A job never changes its owner, so what holds now holds in the change.
        if (await db.FindJobAsync(id, caller, cancellationToken) is not { } found) return NoSuchJob(id);
        string eventId = Ids.Event(await work.SeedAsync());
        if (work.MayBeDone && await db.Events.AnyAsync(e => e.Id == eventId, cancellationToken))
            return TypedResults.Ok(await db.DescribeAsync(found, timeProvider, cancellationToken));
        try
        {
            FineTuningJob? job = await db.ChangeJobAsync(id,
                job => change(job) is { } message
                    ? [new(eventId, id, "info", "message", message, null, timeProvider.GetUtcNow().UtcDateTime)]
                    : [], cancellationToken);
            return job is null ? NoSuchJob(id) : TypedResults.Ok(await db.DescribeAsync(job, timeProvider, cancellationToken));
        }
        catch (IllegalJobTransitionException e)
        {
            return ApiError.Conflict(e.Message, "id");
        }
    }
}
