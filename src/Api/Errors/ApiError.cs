using Microsoft.AspNetCore.WebUtilities;
using TrainingService.Domain.Errors;

namespace TrainingService.Api.Errors;

/// <summary>An error as a result of an endpoint. SDKs raise it as an exception that carries <see cref="Message"/>.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="message">What is wrong with which value, and what to do.</param>
/// <param name="param">Path of the field of the request, or null.</param>
/// <param name="code">A word for programs, or null.</param>
public sealed class ApiError(int status, string message, string? param = null, string? code = null) : IResult, IStatusCodeHttpResult
{
    /// <summary>What is wrong with which value, and what to do.</summary>
    public string Message { get; } = message;

    /// <inheritdoc/>
    public int? StatusCode => status;

    private bool MayBeRetried { get; init; }

    /// <summary>400: a field of the request is wrong.</summary>
    public static ApiError BadRequest(string message, string? param = null, string? code = null) =>
        new(StatusCodes.Status400BadRequest, message, param, code);

    /// <summary>404: nothing has this id.</summary>
    /// <param name="what">The kind of thing, e.g. <c>File</c>.</param>
    /// <param name="id">The id that was asked for.</param>
    /// <param name="param">Name of the parameter that holds it.</param>
    public static ApiError NoSuch(string what, string id, string param = "id") =>
        new(StatusCodes.Status404NotFound, $"No such {what} object: {id}", param);

    /// <summary>409: what was asked does not fit the state of things, and asking again will not help.</summary>
    public static ApiError Conflict(string message, string? param = null, string? code = null) =>
        new(StatusCodes.Status409Conflict, message, param, code);

    /// <summary>409 that passes by itself: asking again helps.</summary>
    public static ApiError Temporary(string message, string? param = null, string? code = null) =>
        new(StatusCodes.Status409Conflict, message, param, code) { MayBeRetried = true };

    /// <summary>413: more bytes than the service takes.</summary>
    public static ApiError TooLarge(string message, string? param = null) =>
        new(StatusCodes.Status413PayloadTooLarge, message, param, "too_large");

    /// <summary>415: the body is of another type than the endpoint reads.</summary>
    public static ApiError UnsupportedMediaType(string? given) =>
        new(StatusCodes.Status415UnsupportedMediaType,
            $"{(string.IsNullOrEmpty(given) ? "The request has no Content-Type" : $"Content-Type '{given}' is not what this endpoint reads")}: files are sent as multipart/form-data, everything else as application/json.");

    /// <inheritdoc/>
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.StatusCode = status;
        // SDKs retry 409 by themselves, which a permanent conflict does not deserve.
        if (status == StatusCodes.Status409Conflict && !MayBeRetried) httpContext.Response.Headers["x-should-retry"] = "false";
        return httpContext.Response.WriteAsJsonAsync(ToResponse(), httpContext.RequestAborted);
    }

    /// <summary>The error's body.</summary>
    internal ErrorResponse ToResponse() => ErrorResponse.Of(status, ReasonPhrases.GetReasonPhrase(status), Message, param, code);
}
