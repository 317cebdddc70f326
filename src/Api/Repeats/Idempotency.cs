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
/// work once and gets the first answer. Only successes are kept: a failed request changed nothing and may be tried anew.
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

    public async Task InvokeAsync(HttpContext http)
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
        IdempotencyRecord? other;
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        // PostgreSQL keeps microseconds: the moment is the mark of this try.
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
        while ((other = await BeginAsync(id, now, http.RequestAborted)) is not null && !other.IsCurrent(now, s_longestWork, Lifetime))
            await ForgetAsync(id, other.CreatedAt);
        if (other is null) await WorkAsync(http, id, now);
        else if (other.CompletedAt is null) await AnswerRunningAsync(http);
        else await RepeatAsync(http, other);
    }

    /// <summary>Marks the request as being worked on; when it is marked already, returns the mark.</summary>
    private async Task<IdempotencyRecord?> BeginAsync(string id, DateTime now, CancellationToken cancellationToken)
    {
        while (true)
        {
            await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
            if (await db.IdempotencyRecords.AsNoTracking().SingleOrDefaultAsync(r => r.Id == id, cancellationToken) is { } other) return other;
            db.IdempotencyRecords.Add(new(id, now));
            try
            {
                await db.SaveChangesAsync(cancellationToken);
                return null;
            }
            catch (DbUpdateException)
            {
                // Another request of the same key was faster; when it was something else, reading it anew throws.
                await using TrainingDbContext again = await contexts.CreateDbContextAsync(cancellationToken);
                if (!await again.IdempotencyRecords.AnyAsync(r => r.Id == id, cancellationToken)) throw;
            }
        }
    }

    private async Task WorkAsync(HttpContext http, string id, DateTime began)
    {
        bool kept = false;
        Stream response = http.Response.Body;
        using var answer = new MemoryStream();
        await using RequestDigest payload = Digested(http.Request);
        // The answer must become known even when its client has gone.
        http.RequestAborted = CancellationToken.None;
        try
        {
            (http.Request.Body, http.Response.Body) = (payload, answer);
            await next(http);
            if (http.Response.StatusCode is >= 200 and < 300)
                kept = await KeepAsync(id, began, await payload.FinishAsync(CancellationToken.None), http.Response.StatusCode, Encoding.UTF8.GetString(answer.ToArray()));
        }
        finally
        {
            http.Response.Body = response;
            if (!kept) await ForgetAsync(id, began);
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

    // Whoever began later owns the record: these change what this try began, or nothing.
    private async Task<bool> KeepAsync(string id, DateTime began, string payloadHash, int status, string body)
    {
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        await using TrainingDbContext db = await contexts.CreateDbContextAsync();
        return await db.IdempotencyRecords.Where(r => r.Id == id && r.CreatedAt == began).ExecuteUpdateAsync(set => set
            .SetProperty(r => r.PayloadHash, payloadHash)
            .SetProperty(r => r.StatusCode, status)
            .SetProperty(r => r.Body, body)
            .SetProperty(r => r.CompletedAt, now)) > 0;
    }

    private async Task ForgetAsync(string id, DateTime began)
    {
        await using TrainingDbContext db = await contexts.CreateDbContextAsync();
        await db.IdempotencyRecords.Where(r => r.Id == id && r.CreatedAt == began).ExecuteDeleteAsync();
    }
}
