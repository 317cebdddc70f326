using System.Text.Json.Serialization;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Recipes;

namespace TrainingService.Api.Keys;

/// <summary>A key, without its secret except in the answer that creates it.</summary>
public sealed record KeyObject
{
    /// <summary>The key's id.</summary>
    /// <example>key_8d0c1a2f6be74d2f9d0b6a4e3c2b1a09</example>
    public required string Id { get; init; }

    /// <summary>Always <c>admin.key</c>.</summary>
    /// <example>admin.key</example>
    public string Object => "admin.key";

    /// <summary>admin, user or read_only.</summary>
    /// <example>user</example>
    public required string Role { get; init; }

    /// <summary>Whose it is.</summary>
    /// <example>ada</example>
    public required string Owner { get; init; }

    /// <summary>The secret's first characters.</summary>
    /// <example>sk-Zm9v</example>
    public required string Prefix { get; init; }

    /// <summary>The secret: in the answer that creates the key, and never again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Key { get; init; }

    /// <summary>Moment of creation, Unix seconds.</summary>
    public required long CreatedAt { get; init; }

    /// <summary>Moment of its newest request, Unix seconds, true to a minute or so; null before the first.</summary>
    public required long? LastUsedAt { get; init; }

    /// <summary>Moment of its end, Unix seconds; null while it can be used.</summary>
    public required long? RevokedAt { get; init; }

    internal static KeyObject Of(ApiKey key) => Of(key, null);

    internal static KeyObject Of(ApiKey key, string? secret) => new()
    {
        Id = key.Id,
        Role = WireNames.Of(key.Role),
        Owner = key.Owner,
        Prefix = key.Prefix,
        Key = secret,
        CreatedAt = key.CreatedAt.ToUnixSeconds(),
        LastUsedAt = key.LastUsedAt?.ToUnixSeconds(),
        RevokedAt = key.RevokedAt?.ToUnixSeconds(),
    };
}

/// <summary>What a revocation answers.</summary>
/// <param name="Id">The key's id.</param>
/// <param name="Deleted">Always true.</param>
public sealed record DeletedKeyObject(string Id, bool Deleted)
{
    /// <summary>Always <c>admin.key.deleted</c>.</summary>
    /// <example>admin.key.deleted</example>
    public string Object => "admin.key.deleted";
}

/// <summary>The key to create.</summary>
public sealed record CreateKeyRequest
{
    internal const string Example = """{ "role": "user", "owner": "ada" }""";

    /// <summary>admin, user or read_only.</summary>
    public string? Role { get; init; }

    /// <summary>Whose it is: what its requests create belongs to the owner, under any of the owner's keys.</summary>
    public string? Owner { get; init; }
}
