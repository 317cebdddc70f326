using Microsoft.AspNetCore.Http;

namespace TrainingService.Storage.Keys;

/// <summary>
/// Requests without a key, where they are served: those of programs on this machine. A browser there also carries the
/// requests of any web page its user happens to look at, and those are told apart.
/// </summary>
internal static class AnonymousAccess
{
    /// <summary>Why a request needs a key nevertheless, or null.</summary>
    public static string? Problem(HttpRequest request, KeyOptions options)
    {
        if (options.AnonymousHosts != "*" && !options.AnonymousHosts.Split(';', StringSplitOptions.TrimEntries).Contains(request.Host.Host, StringComparer.OrdinalIgnoreCase))
            return $"Without an API key the service answers under {options.AnonymousHosts.Replace(";", ", ", StringComparison.Ordinal)} only, not under the Host of this request.";
        string origin = request.Headers.Origin.ToString(), site = request.Headers["Sec-Fetch-Site"].ToString();
        bool foreign = (origin.Length > 0 && !origin.Equals($"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase))
            || site is not ("" or "same-origin" or "none");
        return foreign ? "A web page of another origin sent this request: that takes an API key." : null;
    }
}
