using Microsoft.AspNetCore.Http;

namespace TrainingService.Inference.Errors;

/// <summary>A request that cannot be answered, with what its client is told.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="message">What is wrong with which value, and what to do.</param>
/// <param name="param">Path of the field of the request, or null.</param>
/// <param name="code">A word for programs, or null.</param>
internal sealed class RequestException(int status, string message, string? param = null, string? code = null) : Exception(message)
{
    public int Status => status;

    public string? Param => param;

    public string? Code => code;

    /// <summary>400: a field of the request is wrong.</summary>
    public static RequestException Bad(string message, string? param = null, string? code = null) =>
        new(StatusCodes.Status400BadRequest, message, param, code);

    /// <summary>503: the same request may be answered a little later.</summary>
    public static RequestException Busy(string message) =>
        new(StatusCodes.Status503ServiceUnavailable, message, code: "overloaded");

    /// <summary>503: another server, or this one once it runs again, can answer.</summary>
    public static RequestException Stopping() =>
        new(StatusCodes.Status503ServiceUnavailable, "The server is stopping; send the request again.", code: "stopping");
}
