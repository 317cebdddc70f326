using System.Buffers;

namespace TrainingService.Api.Hosting;

/// <summary>
/// Puts <c>x-request-id</c> on every answer: the client's own when it is a sane one, else a new one. Logs carry the same id.
/// </summary>
internal static class RequestIds
{
    public const string Header = "x-request-id";

    private const int LongestAccepted = 128;
    private static readonly SearchValues<char> s_allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");

    public static void UseRequestIds(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        string given = context.Request.Headers[Header].ToString();
        context.TraceIdentifier = IsSane(given) ? given : $"req_{Guid.NewGuid():N}";
        // Set at the last moment, as the exception handler clears the headers that were set before it.
        context.Response.OnStarting(static state =>
        {
            var http = (HttpContext)state;
            http.Response.Headers[Header] = http.TraceIdentifier;
            return Task.CompletedTask;
        }, context);
        return next(context);
    });

    private static bool IsSane(string id) => id.Length is > 0 and <= LongestAccepted && !id.AsSpan().ContainsAnyExcept(s_allowed);
}
