using System.Security.Claims;
using Hangfire;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.Dashboard;

/// <summary>
/// Hangfire's pages, for administrators. A program sends its key as everywhere; a browser cannot, so it trades the key for
/// a cookie of half an hour. "Local requests only", Hangfire's own rule, would admit everybody behind a proxy.
/// </summary>
internal static class DashboardHosting
{
    public const string Path = "/hangfire";

    private const string Scheme = "Dashboard", CookieScheme = "DashboardCookie", Policy = "dashboard";
    private static readonly TimeSpan s_lifetime = TimeSpan.FromMinutes(30);

    public static void AddDashboard(this IServiceCollection services)
    {
        // A cookie need not survive the process, and its secret then never lies on a disk.
        services.AddDataProtection().UseEphemeralDataProtectionProvider();
        services.AddAntiforgery();
        services.AddAuthentication()
            .AddPolicyScheme(Scheme, null, scheme => scheme.ForwardDefaultSelector = http =>
                http.Request.Headers.Authorization.Count > 0 || http.RequestServices.GetRequiredService<IOptions<KeyOptions>>().Value.AllowAnonymous
                    ? KeyHosting.Scheme : CookieScheme)
            .AddCookie(CookieScheme, cookie =>
            {
                cookie.Cookie.Name = "dashboard";
                cookie.Cookie.Path = Path;
                cookie.Cookie.HttpOnly = true;
                cookie.Cookie.SameSite = SameSiteMode.Strict;
                cookie.ExpireTimeSpan = s_lifetime;
                cookie.SlidingExpiration = false;
                cookie.LoginPath = $"{Path}/login";
                cookie.Events.OnValidatePrincipal = RefuseRevokedAsync;
            });
        services.AddAuthorizationBuilder().AddPolicy(Policy, policy =>
            policy.AddAuthenticationSchemes(Scheme).RequireAuthenticatedUser().RequireRole(WireNames.Of(KeyRole.Admin)));
    }

    public static void MapDashboard(this WebApplication app)
    {
        app.MapGet($"{Path}/login", () => LoginPage.Answer(null)).AllowAnonymous().ExcludeFromDescription();
        app.MapPost($"{Path}/login", LogInAsync).AllowAnonymous().ExcludeFromDescription();
        app.MapHangfireDashboardWithAuthorizationPolicy(Policy, Path, new DashboardOptions { AppPath = null, DisplayStorageConnectionString = false, Authorization = [] });
    }

    private static async Task<IResult> LogInAsync(HttpContext http, KeyRing keys, CancellationToken cancellationToken)
    {
        IFormCollection? form = http.Request.HasFormContentType ? await http.Request.ReadFormAsync(cancellationToken) : null;
        if (await keys.FindAsync(form?["key"].ToString().Trim() ?? "", cancellationToken) is not { Role: KeyRole.Admin } key)
            return LoginPage.Answer("This is no key of the role admin.");
        ClaimsPrincipal user = new Caller(key.Id, key.Owner, key.Role).ToPrincipal(CookieScheme);
        await http.SignInAsync(CookieScheme, user);
        return Results.Redirect(Path);
    }

    private static async Task RefuseRevokedAsync(CookieValidatePrincipalContext context)
    {
        KeyRing keys = context.HttpContext.RequestServices.GetRequiredService<KeyRing>();
        if (!await keys.IsUsableAsync(Caller.Of(context.Principal!).KeyId!, context.HttpContext.RequestAborted)) context.RejectPrincipal();
    }
}
