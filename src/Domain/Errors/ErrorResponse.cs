namespace TrainingService.Domain.Errors;

/// <summary>
/// The body of every error: OpenAI's <c>error</c> object, which their SDKs read, beside the members of RFC 9457 for
/// everybody else.
/// </summary>
/// <param name="Error">The error as OpenAI's SDKs expect it.</param>
/// <param name="Type">RFC 9457: always <c>about:blank</c>, as the status says what kind of problem it is.</param>
/// <param name="Title">RFC 9457: the status in words.</param>
/// <param name="Status">RFC 9457: the HTTP status.</param>
/// <param name="Detail">RFC 9457: the same text as the error's message.</param>
public sealed record ErrorResponse(ErrorDetail Error, string Type, string Title, int Status, string Detail)
{
    /// <summary>The body of an error.</summary>
    /// <param name="status">The HTTP status.</param>
    /// <param name="title">The status in words.</param>
    /// <param name="message">What is wrong with which value, and what to do.</param>
    /// <param name="param">Path of the field of the request, or null.</param>
    /// <param name="code">A word for programs, or null.</param>
    public static ErrorResponse Of(int status, string title, string message, string? param, string? code) =>
        new(new(message, TypeOf(status), param, code), "about:blank", title, status, message);

    private static string TypeOf(int status) => status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };
}

/// <summary>What went wrong. All four keys are always present.</summary>
/// <param name="Message">What is wrong with which value, and what to do.</param>
/// <param name="Type">The error's class, e.g. <c>invalid_request_error</c> or <c>server_error</c>.</param>
/// <param name="Param">Path of the field of the request that it is about.</param>
/// <param name="Code">A word for programs, where one exists.</param>
public sealed record ErrorDetail(string Message, string Type, string? Param, string? Code);
