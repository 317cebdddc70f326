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
    public static void AddRateLimits(this IServiceCollection services)
    {
        services.AddOptions<RateLimitOptions>().BindConfiguration(RateLimitOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddRateLimiter(_ => { });
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<RateLimitOptions>>((limiter, options) =>
        {
            int perMinute = options.Value.RequestsPerMinute;
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(http => Partition(http, perMinute));
            limiter.OnRejected = (context, _) => new(RefuseAsync(context, perMinute));
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
        string partition;
        if (http.User.Identity is not { IsAuthenticated: true }) partition = $"address {http.Connection.RemoteIpAddress}";
        else if (Caller.Of(http.User).KeyId is { } key) partition = key;
        // Without keys there is nobody to protect from anybody.
        else return RateLimitPartition.GetNoLimiter("");
        return RateLimitPartition.GetTokenBucketLimiter(partition, _ => new()
        {
            TokenLimit = perMinute,
            TokensPerPeriod = 1,
            ReplenishmentPeriod = TimeSpan.FromMinutes(1) / perMinute,
            QueueLimit = 0,
        });
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
