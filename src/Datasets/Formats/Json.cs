using System.Text.Json;

namespace TrainingService.Datasets.Formats;

/// <summary>JSON's types in the words of error messages, and what tables make of it: a column without a value is null.</summary>
internal static class Json
{
    private const int ToldNames = 12;

    public static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };

    /// <summary>Whether the field is there with a value.</summary>
    public static bool Has(this JsonElement row, string field) => row.TryGetProperty(field, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>Whether the field is there with a value of this type.</summary>
    public static bool Has(this JsonElement row, string field, JsonValueKind kind) => row.TryGetProperty(field, out JsonElement value) && value.ValueKind == kind;

    /// <summary>The first of these fields that has a value.</summary>
    public static string? FirstOf(this JsonElement row, params ReadOnlySpan<string> fields)
    {
        foreach (string field in fields)
            if (row.Has(field)) return field;
        return null;
    }

    /// <summary>Names in quotes, the first of many.</summary>
    public static string Names(IReadOnlyCollection<string> names) =>
        string.Join(", ", names.Take(ToldNames).Select(name => $"'{name}'")) + (names.Count > ToldNames ? ", …" : "");
}
