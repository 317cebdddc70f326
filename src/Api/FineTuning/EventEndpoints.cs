using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.Paging;
using TrainingService.Api.RateLimits;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.FineTuning;

internal static class EventEndpoints
{
    private const int DefaultEvents = 20;

    public static void MapEvents(this IEndpointRouteBuilder jobs) => jobs.MapGet("/{id}/events", ListEvents).RequireRateLimiting(RateLimiting.Streams)
        .Produces<ListPage<EventObject>>(StatusCodes.Status200OK, "application/json", "text/event-stream");

    /// <summary>List a job's events, or follow them</summary>
    /// <remarks>
    /// Newest first. With `stream=true` the answer is a stream of server-sent events instead, oldest first, that goes on
    /// while the job does: each has its sequence as id, so that `Last-Event-ID` resumes after it; silence is filled with
    /// comments; the last one, of the type `status`, holds the ended job.
    /// </remarks>
    /// <param name="id" example="ftjob-8wVbAaZ6PbJDOtKQZ1lOJx0R">The job's id.</param>
    /// <param name="after">Id of the last event of the page before; with stream, the event to go on after.</param>
    /// <param name="limit">Most events of the page, 1 to 1000; 20 by default.</param>
    /// <param name="stream">true for a stream of server-sent events.</param>
    /// <param name="lastEventId">With stream: the id of the last event that was received.</param>
    /// <response code="200">One page of events, or the stream.</response>
    /// <response code="400">limit is 0; it must be a whole number from 1 to 1000.</response>
    /// <response code="404">No such FineTuningJob object: ftjob-abc</response>
    private static async Task<Results<Ok<ListPage<EventObject>>, ServerSentEventsResult<object>, ApiError>> ListEvents(
        string id, string? after, int? limit, bool? stream, [FromHeader(Name = "Last-Event-ID")] string? lastEventId,
        HttpResponse response, Caller caller, TrainingDbContext db, EventStream events, CancellationToken cancellationToken)
    {
        if (Page.Problem(limit, JobEndpoints.MostItems) is { } problem) return problem;
        if (!await db.HasJobAsync(id, caller, cancellationToken)) return JobEndpoints.NoSuchJob(id);

        IQueryable<JobEvent> rows = db.Events.AsNoTracking().Where(e => e.JobId == id);
        long? last = null;
        if (after is not null)
        {
            last = await rows.Where(e => e.Id == after).Select(e => (long?)e.Sequence).SingleOrDefaultAsync(cancellationToken);
            if (last is null) return Page.UnknownCursor(after, "the job's events");
        }
        if (stream == true)
        {
            if (!string.IsNullOrEmpty(lastEventId))
            {
                if (!long.TryParse(lastEventId, NumberStyles.None, CultureInfo.InvariantCulture, out long sequence))
                    return ApiError.BadRequest($"Last-Event-ID is '{lastEventId}'; it must be the id of an event of this stream, a whole number.", "Last-Event-ID");
                last = sequence;
            }
            return TypedResults.ServerSentEvents(events.ReadAsync(id, last ?? 0, response, cancellationToken));
        }
        if (last is not null) rows = rows.Where(e => e.Sequence < last);
        return TypedResults.Ok((await rows.OrderByDescending(e => e.Sequence).TakePageAsync(limit ?? DefaultEvents, cancellationToken)).ToPage(e => e.Id, EventObject.Of));
    }
}
