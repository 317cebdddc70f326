using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Recipes;

namespace TrainingService.Storage.Keys;

/// <summary>Adds keys to a host, and names what they may open.</summary>
public static class KeyHosting
{
    /// <summary>Scheme that recognises keys.</summary>
    public const string Scheme = "Key";

    /// <summary>Policy of the API: every role reads, and all but <see cref="KeyRole.ReadOnly"/> call what may change things.</summary>
    public const string ApiPolicy = "api";

    /// <summary>Policy of what administrators alone may do.</summary>
    public const string AdminPolicy = "admin";

    /// <summary>Adds authentication by key and the policies; calling it twice does no harm. The host adds storage itself, before.</summary>
    public static IServiceCollection AddKeys(this IServiceCollection services)
    {
        if (services.Any(s => s.ServiceType == typeof(KeyRing))) return services;
        services.AddOptions<KeyOptions>().BindConfiguration(KeyOptions.Section)
            // Compose files pass an empty text where nothing is set.
            .Validate(o => string.IsNullOrEmpty(o.AdminKey) || o.AdminKey.Length is >= KeyOptions.ShortestAdminKey and <= KeyOptions.LongestSecret,
                $"Api:AdminKey must have {KeyOptions.ShortestAdminKey} to {KeyOptions.LongestSecret} characters: take a random one, e.g. by 'openssl rand -hex 32'.")
            .ValidateOnStart();
        services.AddSingleton<KeyRing>();
        services.AddHostedService<KeyStartup>();
        services.AddAuthentication(Scheme).AddScheme<AuthenticationSchemeOptions, KeyAuthentication>(Scheme, null);

        AuthorizationPolicy api = new AuthorizationPolicyBuilder(Scheme).RequireAuthenticatedUser().RequireAssertion(MayCall).Build();
        services.AddAuthorizationBuilder()
            .AddPolicy(ApiPolicy, api)
            .AddPolicy(AdminPolicy, policy => policy.AddAuthenticationSchemes(Scheme).RequireAuthenticatedUser().RequireRole(WireNames.Of(KeyRole.Admin)))
            // What forgot its policy, and what does not exist, is closed to strangers too.
            .SetFallbackPolicy(api);
        return services;
    }

    private static bool MayCall(AuthorizationHandlerContext context) =>
        context.User.Identity is { IsAuthenticated: true } && context.Resource is HttpContext http
        && (Caller.Of(context.User).Role != KeyRole.ReadOnly || HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method)
            || http.GetEndpoint()?.Metadata.GetMetadata<ChangesNothing>() is not null);
}
