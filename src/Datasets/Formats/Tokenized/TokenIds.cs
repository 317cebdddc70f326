using System.Text.Json;

namespace TrainingService.Datasets.Formats.Tokenized;

/// <summary>Reads lists of token ids.</summary>
internal static class TokenIds
{
    /// <summary>At least one id; null after a fault was noted. Whether the model knows an id is seen when it is prepared.</summary>
    public static int[]? Read(JsonElement row, string field, RowNotes notes)
    {
        if (!row.TryGetProperty(field, out JsonElement list)) return notes.Fail<int[]>(field, "The field is missing.");
        if (list.ValueKind != JsonValueKind.Array) return notes.Fail<int[]>(field, $"A list of token ids is expected, not {Json.Kind(list)}.");
        if (list.GetArrayLength() == 0) return notes.Fail<int[]>(field, "The list of token ids is empty.");
        var ids = new int[list.GetArrayLength()];
        int i = 0;
        foreach (JsonElement element in list.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt32(out ids[i]) || ids[i] < 0)
                return notes.Fail<int[]>($"{field}[{i}]", "A token id is a whole number from 0 on.");
            i++;
        }
        return ids;
    }
}
