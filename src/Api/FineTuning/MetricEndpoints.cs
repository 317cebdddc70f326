using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.Paging;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.FineTuning;

internal static class MetricEndpoints
{
    private const int MostMetrics = 10_000;
    private const int DefaultMetrics = 1000;

    public static void MapMetrics(this IEndpointRouteBuilder jobs) => jobs.MapGet("/{id}/metrics", ListMetrics);

    /// <summary>List a job's metrics</summary>
    /// <remarks>
    /// Ascending by step, one row a log and split, under TRL's names. To go on, pass the last row's step as `after_step`: a
    /// page never ends between the two rows of one step, for which it may hold one row more than `limit`.
    /// </remarks>
    /// <param name="id" example="ftjob-8wVbAaZ6PbJDOtKQZ1lOJx0R">The job's id.</param>
    /// <param name="afterStep">Only rows of later steps.</param>
    /// <param name="limit">Most rows of the page, 1 to 10000; 1000 by default.</param>
    /// <param name="split">train or eval; both by default.</param>
    /// <response code="200">One page of metrics.</response>
    /// <response code="400">split is 'test'; it must be train or eval.</response>
    /// <response code="404">No such FineTuningJob object: ftjob-abc</response>
    private static async Task<Results<Ok<ListPage<MetricObject>>, ApiError>> ListMetrics(
        string id, [FromQuery(Name = "after_step")] int? afterStep, int? limit, string? split, Caller caller, TrainingDbContext db, CancellationToken cancellationToken)
    {
        if (Page.Problem(limit, MostMetrics) is { } problem) return problem;
        MetricSplit? only = WireNames.Parse<MetricSplit>(split);
        if (split is not null && only is null) return ApiError.BadRequest($"split is '{split}'; it must be train or eval.", "split");
        if (!await db.HasJobAsync(id, caller, cancellationToken)) return JobEndpoints.NoSuchJob(id);

        IQueryable<JobMetric> metrics = db.Metrics.AsNoTracking().Where(m => m.JobId == id);
        if (afterStep is not null) metrics = metrics.Where(m => m.Step > afterStep);
        if (only is not null) metrics = metrics.Where(m => m.Split == only);
        int size = limit ?? DefaultMetrics;
        // One row more than the page tells whether the next step begins there, and a second whether there is more.
        List<JobMetric> rows = await metrics.OrderBy(m => m.Step).ThenByDescending(m => m.Split).Take(size + 2).ToListAsync(cancellationToken);
        int taken = rows.Count > size && rows[size].Step == rows[size - 1].Step ? size + 1 : Math.Min(size, rows.Count);
        return TypedResults.Ok(new ListPage<MetricObject>([.. rows.Take(taken).Select(MetricObject.Of)], null, null, rows.Count > taken));
    }
}
