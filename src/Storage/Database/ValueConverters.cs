using System.Text.Json;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using TrainingService.Domain.Recipes;

namespace TrainingService.Storage.Database;

/// <summary>SQLite forgets a DateTime's kind, and PostgreSQL refuses one that is not UTC.</summary>
internal sealed class UtcDateTimeConverter() : ValueConverter<DateTime, DateTime>(
    moment => moment,
    stored => DateTime.SpecifyKind(stored, DateTimeKind.Utc));

/// <summary>Enumerations are stored under their wire names: readable in the database, and members may be reordered.</summary>
internal sealed class WireNameConverter<TEnum>() : ValueConverter<TEnum, string>(
    value => WireNames.Of(value),
    stored => Parse(stored))
    where TEnum : struct, Enum
{
    private static TEnum Parse(string stored) => WireNames.Parse<TEnum>(stored)
        ?? throw new InvalidOperationException($"The database holds the {typeof(TEnum).Name} '{stored}', which this version does not know.");
}

/// <summary>Collections are stored as JSON text, which both providers treat alike.</summary>
internal sealed class JsonConverter<T>() : ValueConverter<T, string>(
    value => Write(value),
    stored => Read(stored))
    where T : class
{
    internal static string Write(T value) => JsonSerializer.Serialize(value);

    internal static T Read(string stored) => JsonSerializer.Deserialize<T>(stored)!;
}

/// <summary>Compares and copies collections by their JSON text.</summary>
internal sealed class JsonComparer<T>() : ValueComparer<T>(
    (a, b) => Same(a, b),
    value => JsonConverter<T>.Write(value).GetHashCode(StringComparison.Ordinal),
    value => JsonConverter<T>.Read(JsonConverter<T>.Write(value)))
    where T : class
{
    private static bool Same(T? a, T? b) =>
        ReferenceEquals(a, b) || (a is not null && b is not null && JsonConverter<T>.Write(a) == JsonConverter<T>.Write(b));
}
