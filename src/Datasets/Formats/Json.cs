using System.Text.Json;

namespace TrainingService.Datasets.Formats;

/// <summary>JSON's types in the words of error messages.</summary>
internal static class Json
{
    public static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };
}
