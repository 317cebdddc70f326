using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using TrainingService.Domain.Errors;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Recipes;

namespace TrainingService.Storage.Keys;

/// <summary>
/// Recognises <c>Authorization: Bearer KEY</c>. It stands beside the records because the API and a worker's own port both
/// need it: a worker asks the same database rather than believe a header that the API would set, so that whoever
/// reaches its port, by whatever way, gets no further than with the API.
/// </summary>
internal sealed class KeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> schemes, ILoggerFactory loggers, UrlEncoder encoder, KeyRing keys, IOptions<KeyOptions> options)
    : AuthenticationHandler<AuthenticationSchemeOptions>(schemes, loggers, encoder)
{
    private const string Bearer = "Bearer ";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        string header = Request.Headers.Authorization.ToString();
        if (header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            && await keys.FindAsync(header[Bearer.Length..].Trim(), Context.RequestAborted) is { } key)
            return Success(new Caller(key.Id, key.Owner, key.Role));

        // SDKs send some key always: where none is needed, an unknown one does no harm.
        if (options.Value.AllowAnonymous)
            return AnonymousAccess.Problem(Request, options.Value) is { } problem ? AuthenticateResult.Fail(problem) : Success(Caller.Service);
        return header.Length == 0 ? AuthenticateResult.NoResult()
            : AuthenticateResult.Fail("The API key is unknown or was revoked. It is sent as 'Authorization: Bearer KEY'.");
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Exception? failure = (await HandleAuthenticateOnceSafeAsync()).Failure;
        Response.Headers[HeaderNames.WWWAuthenticate] = failure is null ? "Bearer" : "Bearer error=\"invalid_token\"";
        await (failure is null
            ? AnswerAsync(StatusCodes.Status401Unauthorized, "The request has no API key. Send one as 'Authorization: Bearer KEY'; an administrator creates them by POST /v1/admin/keys.", "missing_api_key")
            : AnswerAsync(StatusCodes.Status401Unauthorized, failure.Message, "invalid_api_key"));
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        AnswerAsync(StatusCodes.Status403Forbidden, Caller.Of(Context.User).Role == KeyRole.ReadOnly
            ? $"The key's role is {WireNames.Of(KeyRole.ReadOnly)}; {Request.Method} {Request.Path} takes another."
            : $"{Request.Method} {Request.Path} takes a key of the role {WireNames.Of(KeyRole.Admin)}.", "insufficient_role");

    private AuthenticateResult Success(Caller caller) => AuthenticateResult.Success(new(caller.ToPrincipal(Scheme.Name), Scheme.Name));

    private Task AnswerAsync(int status, string message, string code)
    {
        Response.StatusCode = status;
        return Response.WriteAsJsonAsync(ErrorResponse.Of(status, ReasonPhrases.GetReasonPhrase(status), message, null, code), Context.RequestAborted);
    }
}
