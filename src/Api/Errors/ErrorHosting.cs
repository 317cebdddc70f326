using System.Data.Common;
using System.Reflection;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;
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
            // What a client did wrong is not worth an error in the log.
            SuppressDiagnosticsCallback = static context => context.Exception is BadHttpRequestException || IsUnstorable(context.Exception),
        });
        app.UseStatusCodePages(context => FromStatus(context.HttpContext).ExecuteAsync(context.HttpContext));
    }

    private static ApiError FromException(HttpContext context, Exception exception) => exception switch
    {
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            ApiError.TooLarge("The request's body is larger than this endpoint takes."),
        BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest } bad => UnreadableQuery(context) ?? ApiError.BadRequest(bad.Message),
        BadHttpRequestException bad => new(bad.StatusCode, bad.Message),
        _ when IsUnstorable(exception) => ApiError.BadRequest("The request has a NUL character in a text, which the service cannot keep; leave it out."),
        _ => new(StatusCodes.Status500InternalServerError,
            $"The server met an error while processing the request. Its log has the details under the id {context.TraceIdentifier}."),
    };

    // PostgreSQL has no NUL in texts. Its SQLSTATE for that (character_not_in_repertoire) spares every field a check of its own.
    private static bool IsUnstorable(Exception exception) =>
        (exception as DbException ?? exception.InnerException as DbException)?.SqlState == "22021";

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
            string name = parameter.ParameterInfo.GetCustomAttribute<FromQueryAttribute>()?.Name ?? parameter.Name;
            string given = context.Request.Query[name].ToString();
            Type type = Nullable.GetUnderlyingType(parameter.ParameterInfo.ParameterType) ?? parameter.ParameterInfo.ParameterType;
            string? expected = type == typeof(int) && !int.TryParse(given, out _) ? "a whole number"
                : type == typeof(bool) && !bool.TryParse(given, out _) ? "true or false"
                : null;
            if (expected is not null && context.Request.Query.ContainsKey(name))
                return ApiError.BadRequest($"{name} is '{given}'; it must be {expected}.", name);
        }
        return null;
    }
}
