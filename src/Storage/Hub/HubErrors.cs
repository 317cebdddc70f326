using System.Net;

namespace TrainingService.Storage.Hub;

/// <summary>The Hub's errors in words that say what to do.</summary>
internal static class HubErrors
{
    /// <summary>What an answer means.</summary>
    /// <param name="response">The answer.</param>
    /// <param name="hub">The Hub's name.</param>
    /// <param name="model">The model that was asked for.</param>
    /// <param name="revision">The revision.</param>
    /// <param name="file">The file; null when it was the model's listing.</param>
    public static HubException Of(HttpResponseMessage response, string hub, string model, string revision, string? file = null)
    {
        // Several headers of one name do not happen; the first would do.
        string? code = response.Headers.TryGetValues("X-Error-Code", out IEnumerable<string>? codes) ? codes.FirstOrDefault() : null;
        int status = (int)response.StatusCode;
        return (code, response.StatusCode) switch
        {
            ("GatedRepo", _) => new(HubErrorCodes.Gated,
                $"{model} is gated: its owner gives access to accounts that ask for it. Ask on https://{hub}/{model}, then set HF_TOKEN to a token of that account and restart the service."),
            ("RevisionNotFound", _) => new(HubErrorCodes.RevisionNotFound, $"{model} has no branch, tag or commit '{revision}'. Leave revision out for its main branch."),
            ("EntryNotFound", _) => new(HubErrorCodes.Unavailable, $"{hub} lists {file} of {model}, but does not have it."),
            // The Hub answers 401 for what does not exist, so that strangers learn nothing of private models.
            ("RepoNotFound", _) or (_, HttpStatusCode.NotFound) or (null, HttpStatusCode.Unauthorized) when file is null => new(HubErrorCodes.ModelNotFound,
                $"{hub} has no model '{model}', or it is private and HF_TOKEN is not a token that opens it. Check the name on https://{hub}/{model}."),
            (_, HttpStatusCode.TooManyRequests) or (_, >= HttpStatusCode.InternalServerError) => new(HubErrorCodes.Unavailable,
                $"{hub} answers {status} {response.ReasonPhrase}; try again later.")
            { MayPass = true, RetryAfter = RetryAfter(response) },
            // A signed address of the store ran out: the next attempt gets a new one.
            (null, HttpStatusCode.Forbidden) when response.RequestMessage?.RequestUri?.Authority != hub => new(HubErrorCodes.Unavailable,
                $"The store of {hub} answers 403 for {file} of {model}.")
            { MayPass = true },
            (_, HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden) => new(HubErrorCodes.AccessRefused,
                $"{hub} refuses {file ?? "the listing"} of {model} with {status}: HF_TOKEN is missing, no longer valid, or may not read this model."),
            _ => new(HubErrorCodes.Unavailable, $"{hub} answers {status} {response.ReasonPhrase} for {file ?? "the listing"} of {model}."),
        };
    }

    /// <summary>No answer, or one that breaks off.</summary>
    public static HubException Unreachable(string host, Exception exception) => new(HubErrorCodes.Unavailable,
        $"{host} cannot be reached: {(exception is OperationCanceledException ? "it does not answer in time." : exception.Message)}", exception)
    { MayPass = true };

    private static TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        // The Hub's own clock says when, so its own clock says how long.
        { Date: { } date } when response.Headers.Date is { } now => date > now ? date - now : TimeSpan.Zero,
        _ => null,
    };
}
