using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.Paging;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.Keys;

internal static class KeyEndpoints
{
    private const int MostKeys = 100;
    private const int DefaultKeys = 20;
    private const int LongestBody = 4096;

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        // A mistyped role must not become a default one.
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
    };

    public static void MapKeys(this IEndpointRouteBuilder v1)
    {
        RouteGroupBuilder keys = v1.MapGroup("/admin/keys").WithTags("Keys").RequireAuthorization(KeyHosting.AdminPolicy);
        // Not to be repeated by Idempotency-Key: the stored answer would hold the secret.
        keys.MapPost("", CreateKey).Accepts<CreateKeyRequest>("application/json").WithMetadata(new RequestSizeLimitAttribute(LongestBody));
        keys.MapGet("", ListKeys);
        keys.MapGet("/{id}", GetKey);
        keys.MapDelete("/{id}", RevokeKey);
    }

    /// <summary>Create a key</summary>
    /// <remarks>
    /// The answer alone has the secret, in `key`: keep it. A `user` key works on what its owner has; a `read_only` one looks
    /// at it; an `admin` one sees everybody's and manages keys.
    /// </remarks>
    /// <response code="200">The key, with its secret.</response>
    /// <response code="400">role is 'root'; it must be admin, user or read_only.</response>
    /// <response code="413">The request's body is larger than this endpoint takes.</response>
    /// <response code="415">Content-Type 'text/plain' is not what this endpoint reads: files are sent as multipart/form-data, everything else as application/json.</response>
    private static async Task<Results<Ok<KeyObject>, ApiError>> CreateKey(HttpRequest http, KeyRing keys, CancellationToken cancellationToken)
    {
        if (!http.HasJsonContentType()) return ApiError.UnsupportedMediaType(http.ContentType);
        CreateKeyRequest? request;
        try
        {
            request = await JsonSerializer.DeserializeAsync<CreateKeyRequest>(http.Body, s_json, cancellationToken);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return ApiError.BadRequest("The request's body must be a JSON object of the texts 'role' and 'owner', and nothing else.");
        }
        if (WireNames.Parse<KeyRole>(request?.Role) is not { } role)
            return ApiError.BadRequest($"role is '{request?.Role}'; it must be admin, user or read_only.", "role");
        if (KeyRing.OwnerProblem(request?.Owner) is { } expected)
            return ApiError.BadRequest($"owner is '{request?.Owner}'; it must be {expected}.", "owner");
        (ApiKey key, string secret) = await keys.CreateAsync(role, request!.Owner!, cancellationToken);
        return TypedResults.Ok(KeyObject.Of(key, secret));
    }

    /// <summary>List keys</summary>
    /// <remarks>Newest first, revoked ones too.</remarks>
    /// <param name="after">Id of the last key of the page before.</param>
    /// <param name="limit">Most keys of the page, 1 to 100; 20 by default.</param>
    /// <response code="200">One page of keys.</response>
    /// <response code="400">limit is 0; it must be a whole number from 1 to 100.</response>
    private static async Task<Results<Ok<ListPage<KeyObject>>, ApiError>> ListKeys(
        string? after, int? limit, TrainingDbContext db, CancellationToken cancellationToken)
    {
        if (Page.Problem(limit, MostKeys) is { } problem) return problem;
        IQueryable<ApiKey> keys = db.ApiKeys.AsNoTracking();
        if (after is not null)
        {
            if (await keys.SingleOrDefaultAsync(k => k.Id == after, cancellationToken) is not { } last) return Page.UnknownCursor(after, "keys");
            keys = keys.Where(k => k.CreatedAt < last.CreatedAt || (k.CreatedAt == last.CreatedAt && k.Id.CompareTo(after) < 0));
        }
        keys = keys.OrderByDescending(k => k.CreatedAt).ThenByDescending(k => k.Id);
        return TypedResults.Ok((await keys.TakePageAsync(limit ?? DefaultKeys, cancellationToken)).ToPage(k => k.Id, KeyObject.Of));
    }

    /// <summary>Get a key's record</summary>
    /// <param name="id" example="key_8d0c1a2f6be74d2f9d0b6a4e3c2b1a09">The key's id.</param>
    /// <response code="200">The key, without its secret.</response>
    /// <response code="404">No such Key object: key_abc</response>
    private static async Task<Results<Ok<KeyObject>, ApiError>> GetKey(string id, TrainingDbContext db, CancellationToken cancellationToken) =>
        await db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(k => k.Id == id, cancellationToken) is { } key ? TypedResults.Ok(KeyObject.Of(key)) : NoSuchKey(id);

    /// <summary>Revoke a key</summary>
    /// <remarks>From the next request on it opens nothing. Its record stays; what it created stays its owner's.</remarks>
    /// <param name="id" example="key_8d0c1a2f6be74d2f9d0b6a4e3c2b1a09">The key's id.</param>
    /// <response code="200">The key is revoked.</response>
    /// <response code="404">No such Key object: key_abc</response>
    private static async Task<Results<Ok<DeletedKeyObject>, ApiError>> RevokeKey(string id, KeyRing keys, CancellationToken cancellationToken) =>
        await keys.RevokeAsync(id, cancellationToken) is { } key ? TypedResults.Ok(new DeletedKeyObject(key.Id, true)) : NoSuchKey(id);

    private static ApiError NoSuchKey(string id) => ApiError.NoSuch("Key", id);
}
