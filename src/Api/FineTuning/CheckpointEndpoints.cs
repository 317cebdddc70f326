using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.Paging;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.FineTuning;

internal static class CheckpointEndpoints
{
    private const int DefaultCheckpoints = 10;

    public static void MapCheckpoints(this IEndpointRouteBuilder jobs) => jobs.MapGet("/{id}/checkpoints", ListCheckpoints);

    /// <summary>List a job's checkpoints</summary>
    /// <remarks>Newest first.</remarks>
    /// <param name="id" example="ftjob-8wVbAaZ6PbJDOtKQZ1lOJx0R">The job's id.</param>
    /// <param name="after">Id of the last checkpoint of the page before.</param>
    /// <param name="limit">Most checkpoints of the page, 1 to 1000; 10 by default.</param>
    /// <response code="200">One page of checkpoints.</response>
    /// <response code="400">limit is 0; it must be a whole number from 1 to 1000.</response>
    /// <response code="404">No such FineTuningJob object: ftjob-abc</response>
    private static async Task<Results<Ok<ListPage<CheckpointObject>>, ApiError>> ListCheckpoints(
        string id, string? after, int? limit, Caller caller, TrainingDbContext db, CancellationToken cancellationToken)
    {
        if (Page.Problem(limit, JobEndpoints.MostItems) is { } problem) return problem;
        if (!await db.HasJobAsync(id, caller, cancellationToken)) return JobEndpoints.NoSuchJob(id);

        IQueryable<JobCheckpoint> checkpoints = db.Checkpoints.AsNoTracking().Where(c => c.JobId == id);
        if (after is not null)
        {
            int? last = await checkpoints.Where(c => c.Id == after).Select(c => (int?)c.Step).SingleOrDefaultAsync(cancellationToken);
            if (last is null) return Page.UnknownCursor(after, "the job's checkpoints");
            checkpoints = checkpoints.Where(c => c.Step < last);
        }
        return TypedResults.Ok((await checkpoints.OrderByDescending(c => c.Step).TakePageAsync(limit ?? DefaultCheckpoints, cancellationToken)).ToPage(c => c.Id, CheckpointObject.Of));
    }
}
