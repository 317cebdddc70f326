using System.Net;
using Microsoft.Extensions.Options;
using TrainingService.Api.Errors;
using TrainingService.Domain.Recipes;
using TrainingService.Domain.Webhooks;

namespace TrainingService.Api.Webhooks;

/// <summary>What an endpoint may be.</summary>
internal sealed class WebhookRules(IOptions<WebhookOptions> options)
{
    private const int LongestUrl = 2048;

    public int MaxEndpoints => options.Value.MaxEndpoints;

    /// <summary>What is wrong with the fields that are given, or null.</summary>
    public ApiError? Problem(WebhookRequest request) =>
        (request.Url is { } url ? UrlProblem(url) : null) ?? (request.Events is { } events ? EventsProblem(events) : null);

    private ApiError? UrlProblem(string given)
    {
        string allowed = options.Value.AllowHttp ? "https:// or http://" : "https://";
        if (given.Length > LongestUrl || !Uri.TryCreate(given, UriKind.Absolute, out Uri? url)
            || !(url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && options.Value.AllowHttp)))
            return ApiError.BadRequest($"url must begin with {allowed} and have at most {LongestUrl} characters.", "url");
        if (url.UserInfo.Length > 0) return ApiError.BadRequest("url holds a name or password; messages are signed instead.", "url");
        // Names are looked up at each connection: what a name means now says nothing of later.
        return !options.Value.AllowPrivateAddresses && IPAddress.TryParse(url.DnsSafeHost, out IPAddress? address) && !PublicAddress.Is(address)
            ? ApiError.BadRequest(new AddressRefusedException(url.DnsSafeHost).Message, "url")
            : null;
    }

    private static ApiError? EventsProblem(IReadOnlyList<string> events)
    {
        if (events.Count == 0) return ApiError.BadRequest("events is empty; leave it out to be told of all, or set enabled to false.", "events");
        if (events.Distinct().Count() != events.Count) return ApiError.BadRequest("events names an event twice.", "events");
        foreach (string type in events)
            if (type is null || !WebhookEventType.All.Contains(type))
                return ApiError.BadRequest($"events has '{type}'. {(type is not null && WireNames.Nearest(type, [.. WebhookEventType.All]) is { } nearest ? $"Did you mean '{nearest}'?" : $"Known are {string.Join(", ", WebhookEventType.All)}.")}", "events");
        return null;
    }
}
