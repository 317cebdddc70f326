using System.Security.Claims;
using Microsoft.AspNetCore.Http;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Recipes;

namespace TrainingService.Storage.Keys;

/// <summary>Who asks. Endpoints take it as a parameter.</summary>
/// <param name="KeyId">Id of the key; null without one.</param>
/// <param name="Owner">Whose the key is, and whose what is created becomes; null without a key.</param>
/// <param name="Role">What the caller may do.</param>
public sealed record Caller(string? KeyId, string? Owner, KeyRole Role)
{
    /// <summary>The service on its own behalf, and whoever may ask it without a key.</summary>
    public static Caller Service { get; } = new(null, null, KeyRole.Admin);

    /// <summary>Whether everybody's things are the caller's to see.</summary>
    public bool SeesAll => Role == KeyRole.Admin;

    /// <summary>The caller of a request that passed authentication.</summary>
    public static Caller Of(ClaimsPrincipal user) => new(
        user.FindFirstValue(ClaimTypes.NameIdentifier),
        user.FindFirstValue(ClaimTypes.Name),
        WireNames.Parse<KeyRole>(user.FindFirstValue(ClaimTypes.Role)) ?? throw new InvalidOperationException("The request was not authenticated."));

    /// <summary>Makes the caller a parameter of endpoints.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) => ValueTask.FromResult<Caller?>(Of(context.User));

    /// <summary>The caller as ASP.NET carries it.</summary>
    public ClaimsPrincipal ToPrincipal(string scheme)
    {
        List<Claim> claims = [new(ClaimTypes.Role, WireNames.Of(Role))];
        if (KeyId is not null) claims.Add(new(ClaimTypes.NameIdentifier, KeyId));
        if (Owner is not null) claims.Add(new(ClaimTypes.Name, Owner));
        return new(new ClaimsIdentity(claims, scheme));
    }
}
