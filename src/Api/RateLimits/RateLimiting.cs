using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using TrainingService.Api.Errors;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.RateLimits;

/// <summary>Lets every key ask so often and no oftener, and says in OpenAI's headers how often that is.</summary>
internal static class RateLimiting
{
    /// <summary>Policy of endpoints that stream events.</summary>
    public const string Streams = "streams";

    public static void AddRateLimits(this IServiceCollection services)
    {
        services.AddOptions<RateLimitOptions>().BindConfiguration(RateLimitOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddRateLimiter(_ => { });
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<RateLimitOptions>>((limiter, options) =>
        {
            int perMinute = options.Value.RequestsPerMinute;
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(http => Partition(http, perMinute));
            limiter.AddPolicy(Streams, http => PartitionOf(http) is { } partition && IsStream(http.Request)
                ? RateLimitPartition.GetConcurrencyLimiter(partition, _ => new() { PermitLimit = options.Value.Streams })
                : RateLimitPartition.GetNoLimiter(""));
            // Only the bucket knows when there will be room again.
            limiter.OnRejected = (context, _) => new(context.Lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan _)
                ? RefuseAsync(context, perMinute) : RefuseStreamAsync(context, options.Value.Streams));
        });
    }

    /// <summary>Limits requests; it comes after authentication, which says whose they are.</summary>
    public static void UseRateLimits(this IApplicationBuilder app)
    {
        PartitionedRateLimiter<HttpContext> limiter = app.ApplicationServices.GetRequiredService<IOptions<RateLimiterOptions>>().Value.GlobalLimiter!;
        int perMinute = app.ApplicationServices.GetRequiredService<IOptions<RateLimitOptions>>().Value.RequestsPerMinute;
        app.UseRateLimiter();
        app.Use((http, next) =>
        {
            Tell(http, limiter, perMinute);
            return next(http);
        });
    }

    private static RateLimitPartition<string> Partition(HttpContext http, int perMinute)
    {
        if (PartitionOf(http) is not { } partition) return RateLimitPartition.GetNoLimiter("");
        return RateLimitPartition.GetTokenBucketLimiter(partition, _ => new()
        {
            TokenLimit = perMinute,
            TokensPerPeriod = 1,
            ReplenishmentPeriod = TimeSpan.FromMinutes(1) / perMinute,
            QueueLimit = 0,
        });
    }

    /// <summary>Whose request it is; null where there are no keys, and so nobody to protect from anybody.</summary>
    private static string? PartitionOf(HttpContext http) =>
        http.User.Identity is { IsAuthenticated: true } ? Caller.Of(http.User).KeyId : $"address {http.Connection.RemoteIpAddress}";

    // A job's events come as a list unless a stream is asked for, a model's always as one.
    private static bool IsStream(HttpRequest request) =>
        request.Path.StartsWithSegments("/v1/models", StringComparison.Ordinal) || (bool.TryParse(request.Query["stream"], out bool stream) && stream);

    private static Task RefuseStreamAsync(OnRejectedContext context, int streams)
    {
        context.HttpContext.Response.Headers.RetryAfter = "5";
        return new ApiError(StatusCodes.Status429TooManyRequests,
            $"This key has {streams} streams of events open, which is all that it may have. Close one first.", code: "rate_limit_exceeded").ExecuteAsync(context.HttpContext);
    }

    private static void Tell(HttpContext http, PartitionedRateLimiter<HttpContext> limiter, int perMinute)
    {
        // Where there is no limit there are no statistics worth telling.
        if (http.User.Identity is not { IsAuthenticated: true } || Caller.Of(http.User).KeyId is null || limiter.GetStatistics(http) is not { } statistics) return;
        Tell(http.Response, perMinute, statistics.CurrentAvailablePermits);
    }

    private static void Tell(HttpResponse response, int perMinute, long remaining)
    {
        response.Headers["x-ratelimit-limit-requests"] = perMinute.ToString(CultureInfo.InvariantCulture);
        response.Headers["x-ratelimit-remaining-requests"] = remaining.ToString(CultureInfo.InvariantCulture);
        // The time until all are there again, as OpenAI writes it.
        response.Headers["x-ratelimit-reset-requests"] = string.Create(CultureInfo.InvariantCulture, $"{(perMinute - remaining) * 60.0 / perMinute:0.###}s");
    }

    private static Task RefuseAsync(OnRejectedContext context, int perMinute)
    {
        // One request comes back after a period; SDKs wait whole seconds.
        int wait = (int)Math.Ceiling(60.0 / perMinute);
        HttpResponse response = context.HttpContext.Response;
        response.Headers.RetryAfter = wait.ToString(CultureInfo.InvariantCulture);
        Tell(response, perMinute, 0);
        return new ApiError(StatusCodes.Status429TooManyRequests,
            $"The rate limit of {perMinute} requests a minute is reached. Try again in {wait} {(wait == 1 ? "second" : "seconds")}.", code: "rate_limit_exceeded").ExecuteAsync(context.HttpContext);
    }
}
