using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;
using TrainingService.Api.Errors;
using TrainingService.Domain.Requests;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.Repeats;

/// <summary>
/// Honours <c>Idempotency-Key</c>: a request that its client sends again, not knowing whether the first try arrived, does its
/// work once and gets the first answer. Only successes are kept: a refused request changed nothing and may be sent anew. One
/// that ended by an error of the service, or whose host died, may have done its work: see <see cref="RepeatableWork"/>.
/// </summary>
internal sealed class Idempotency(RequestDelegate next, IDbContextFactory<TrainingDbContext> contexts, TimeProvider timeProvider)
{
    public const string Header = "Idempotency-Key";
    public const string ReplayedHeader = "Idempotent-Replayed";
    public const int LongestKey = 255;

    /// <summary>How long an answer is kept.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    // Longer than any upload takes: after it, the host that worked on the request is taken to have died.
    private static readonly TimeSpan s_longestWork = TimeSpan.FromMinutes(15);

    public async Task InvokeAsync(HttpContext http, RepeatableWork work)
    {
        string key = http.Request.Headers[Header].ToString();
        if (key.Length == 0 || http.GetEndpoint()?.Metadata.GetMetadata<RepeatableMetadata>() is null)
        {
            await next(http);
            return;
        }
        if (key.Length > LongestKey || key.Any(c => c is < ' ' or > '~'))
        {
            await ApiError.BadRequest($"{Header} must be 1 to {LongestKey} printable ASCII characters, e.g. a UUID.", Header).ExecuteAsync(http);
            return;
        }
        string id = IdempotencyRecord.IdOf(Caller.Of(http.User).Owner, http.Request.Path, key);
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        // PostgreSQL keeps microseconds: the moment is the mark of this try.
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
        IdempotencyRecord record = await FindOrBeginAsync(id, now, http.RequestAborted);
        if (record.CompletedAt is not null) await RepeatAsync(http, record);
        else if (record.TriedAt != now) await AnswerRunningAsync(http);
        else await WorkAsync(http, record, work);
    }

    /// <summary>The record of the request, with this moment as its mark when this try is the one that does the work.</summary>
    private async Task<IdempotencyRecord> FindOrBeginAsync(string id, DateTime now, CancellationToken cancellationToken)
    {
        while (true)
        {
            await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
            IQueryable<IdempotencyRecord> records = db.IdempotencyRecords.AsNoTracking().Where(r => r.Id == id);
            if (await records.SingleOrDefaultAsync(cancellationToken) is not { } found)
            {
                db.IdempotencyRecords.Add(new(id, now));
                try
                {
                    await db.SaveChangesAsync(cancellationToken);
                }
                catch (DbUpdateException)
                {
                    // Another request of the same key was faster; when it was something else, it is thrown.
                    if (!await records.AnyAsync(cancellationToken)) throw;
                }
            }
            else if (now - found.CreatedAt >= Lifetime)
                await records.Where(r => r.CreatedAt == found.CreatedAt).ExecuteDeleteAsync(cancellationToken);
            else if (found.TriedAt == now || found.CompletedAt is not null || found.IsBeingWorkedOn(now, s_longestWork))
                return found;
            else
                await records.Where(r => r.CreatedAt == found.CreatedAt && r.TriedAt == found.TriedAt)
                    .ExecuteUpdateAsync(set => set.SetProperty(r => r.TriedAt, now), cancellationToken);
        }
    }

    private async Task WorkAsync(HttpContext http, IdempotencyRecord record, RepeatableWork work)
    {
        Stream response = http.Response.Body;
        using var answer = new MemoryStream();
        await using RequestDigest payload = Digested(http.Request);
        // The answer must become known even when its client has gone.
        http.RequestAborted = CancellationToken.None;
        work.Begin(record, payload, mayBeDone: record.TriedAt != record.CreatedAt);
        bool ended = false;
        try
        {
            (http.Request.Body, http.Response.Body) = (payload, answer);
            await next(http);
            if (http.Response.StatusCode is >= 200 and < 300)
                await KeepAsync(record, await payload.FinishAsync(CancellationToken.None), http.Response.StatusCode, Encoding.UTF8.GetString(answer.ToArray()));
            else if (http.Response.StatusCode < 500)
                await OfTry(record, r => r.ExecuteDeleteAsync());
            ended = http.Response.StatusCode < 500;
        }
        finally
        {
            http.Response.Body = response;
            if (!ended) await OfTry(record, r => r.ExecuteUpdateAsync(set => set.SetProperty(r => r.TriedAt, (DateTime?)null)));
        }
        answer.Position = 0;
        await answer.CopyToAsync(response);
    }

    private async Task RepeatAsync(HttpContext http, IdempotencyRecord first)
    {
        // An upload may be as long as the first was; it is read and forgotten.
        http.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = null;
        await using RequestDigest payload = Digested(http.Request);
        if (await payload.FinishAsync(http.RequestAborted) != first.PayloadHash)
        {
            await new ApiError(StatusCodes.Status422UnprocessableEntity,
                $"The {Header} was used with another request before. Take a new one for a new request.", Header, "idempotency_key_reused").ExecuteAsync(http);
            return;
        }
        http.Response.StatusCode = first.StatusCode!.Value;
        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.Headers[ReplayedHeader] = "true";
        await http.Response.WriteAsync(first.Body!, http.RequestAborted);
    }

    private static Task AnswerRunningAsync(HttpContext http)
    {
        http.Response.Headers.RetryAfter = "1";
        return ApiError.Temporary($"A request of this {Header} is being worked on; send it again to get its answer.", Header, "idempotency_key_in_use").ExecuteAsync(http);
    }

    private static RequestDigest Digested(HttpRequest request)
    {
        bool isForm = MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type) && type.MediaType.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase);
        return new(request.Body, isForm && type!.Boundary.Length > 0 ? Encoding.UTF8.GetBytes($"--{HeaderUtilities.RemoveQuotes(type.Boundary)}") : []);
    }

    private Task<int> KeepAsync(IdempotencyRecord record, string payloadHash, int status, string body)
    {
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        return OfTry(record, r => r.ExecuteUpdateAsync(set => set
            .SetProperty(r => r.PayloadHash, payloadHash)
            .SetProperty(r => r.StatusCode, status)
            .SetProperty(r => r.Body, body)
            .SetProperty(r => r.CompletedAt, now)));
    }

    /// <summary>Changes the record while it is this try's; that of a try that began later stays as it is.</summary>
    private async Task<int> OfTry(IdempotencyRecord record, Func<IQueryable<IdempotencyRecord>, Task<int>> change)
    {
        await using TrainingDbContext db = await contexts.CreateDbContextAsync();
        return await change(db.IdempotencyRecords.Where(r => r.Id == record.Id && r.TriedAt == record.TriedAt));
    }
}
