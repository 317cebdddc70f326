using System.Text.Json;

namespace TrainingService.Datasets.Formats;

/// <summary>Reads a thumb up or down.</summary>
internal static class LabelReader
{
    /// <summary>The label; null after a fault was noted. Tables without types write it as a number or a word.</summary>
    public static bool? Read(JsonElement row, string field, RowNotes notes)
    {
        JsonElement label = row.GetProperty(field);
        switch (label.ValueKind)
        {
            case JsonValueKind.True: return true;
            case JsonValueKind.False: return false;
            case JsonValueKind.Number when label.TryGetDouble(out double number) && number is 0 or 1: return number == 1;
            case JsonValueKind.String when label.GetString() is { } word:
                if (word is "1" || word.Equals("true", StringComparison.OrdinalIgnoreCase)) return true;
                if (word is "0" || word.Equals("false", StringComparison.OrdinalIgnoreCase)) return false;
                break;
        }
        notes.Fail(field, $"The label must be true (desirable) or false (undesirable), not {(label.ValueKind is JsonValueKind.Number ? label.GetRawText() : Json.Kind(label))}.");
        return null;
    }
}
