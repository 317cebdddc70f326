using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.WebUtilities;

namespace TrainingService.Api.Errors;

/// <summary>Gives ASP.NET's own errors and unexpected exceptions the API's error body.</summary>
internal static class ErrorHosting
{
    public static void UseApiErrors(this IApplicationBuilder app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = context => FromException(context, context.Features.GetRequiredFeature<IExceptionHandlerFeature>().Error).ExecuteAsync(context),
            // Requests that ASP.NET could not bind are the client's fault: not worth an error in the log.
            SuppressDiagnosticsCallback = static context => context.Exception is BadHttpRequestException,
        });
        app.UseStatusCodePages(context => FromStatus(context.HttpContext).ExecuteAsync(context.HttpContext));
    }

    private static ApiError FromException(HttpContext context, Exception exception) => exception switch
    {
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            ApiError.TooLarge("The request's body is larger than this endpoint takes."),
        BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest } bad => UnreadableQuery(context) ?? ApiError.BadRequest(bad.Message),
        BadHttpRequestException bad => new(bad.StatusCode, bad.Message),
        _ => new(StatusCodes.Status500InternalServerError,
            $"The server met an error while processing the request. Its log has the details under the id {context.TraceIdentifier}."),
    };

    private static ApiError FromStatus(HttpContext context)
    {
        int status = context.Response.StatusCode;
        HttpRequest request = context.Request;
        return status switch
        {
            StatusCodes.Status404NotFound => new(status, $"No such endpoint: {request.Method} {request.Path}. The API is described under /swagger.", code: "unknown_url"),
            StatusCodes.Status405MethodNotAllowed => new(status, $"{request.Method} is not allowed on {request.Path}; allowed: {context.Response.Headers.Allow}.", code: "method_not_allowed"),
            StatusCodes.Status415UnsupportedMediaType => ApiError.UnsupportedMediaType(request.ContentType),
            _ => new(status, $"{ReasonPhrases.GetReasonPhrase(status)}."),
        };
    }

    // ASP.NET's own text names C# types; the endpoint's metadata lets us say it in the API's terms.
    private static ApiError? UnreadableQuery(HttpContext context)
    {
        Endpoint? endpoint = context.Features.Get<IExceptionHandlerFeature>()?.Endpoint;
        foreach (IParameterBindingMetadata parameter in endpoint?.Metadata.GetOrderedMetadata<IParameterBindingMetadata>() ?? [])
        {
            string given = context.Request.Query[parameter.Name].ToString();
            Type type = Nullable.GetUnderlyingType(parameter.ParameterInfo.ParameterType) ?? parameter.ParameterInfo.ParameterType;
            string? expected = type == typeof(int) && !int.TryParse(given, out _) ? "a whole number"
                : type == typeof(bool) && !bool.TryParse(given, out _) ? "true or false"
                : null;
            if (expected is not null && context.Request.Query.ContainsKey(parameter.Name))
                return ApiError.BadRequest($"{parameter.Name} is '{given}'; it must be {expected}.", parameter.Name);
        }
        return null;
    }
}
