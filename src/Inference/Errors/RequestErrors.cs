using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using TrainingService.Domain.Errors;
using TrainingService.Inference.Requests;

namespace TrainingService.Inference.Errors;

/// <summary>Turns exceptions into the error body that the whole API has; the worker's host has no other place that does.</summary>
internal sealed partial class RequestErrors(ILogger<RequestErrors> logger) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        HttpContext http = context.HttpContext;
        try
        {
            return await next(context);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return Results.Empty;
        }
        catch (RequestException e)
        {
            return await AnswerAsync(http, e);
        }
        catch (BadHttpRequestException e)
        {
            return await AnswerAsync(http, new(e.StatusCode, e.Message));
        }
        catch (Exception e)
        {
            LogFailure(e, http.TraceIdentifier);
            return await AnswerAsync(http, new(StatusCodes.Status500InternalServerError,
                $"The server met an error while processing the request. Its log has the details under the id {http.TraceIdentifier}."));
        }
    }

    private static async Task<object?> AnswerAsync(HttpContext http, RequestException error)
    {
        ErrorResponse body = ErrorResponse.Of(error.Status, ReasonPhrases.GetReasonPhrase(error.Status), error.Message, error.Param, error.Code);
        if (http.Response.HasStarted && !EventStream.IsBegun(http))
        {
            // A download that breaks off must not look whole.
            http.Abort();
            return Results.Empty;
        }
        if (http.Response.HasStarted)
        {
            // The stream has begun with status 200; SDKs look for an error among its events.
            await new EventStream(http).WriteAsync(body);
            return Results.Empty;
        }
        if (error.Status == StatusCodes.Status503ServiceUnavailable) http.Response.Headers.RetryAfter = "1";
        return Results.Json(body, WireJson.Options, statusCode: error.Status);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Request {RequestId} failed")]
    private partial void LogFailure(Exception exception, string requestId);
}
