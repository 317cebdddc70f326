using System.Text;
using System.Text.Json;

namespace TrainingService.Datasets.Containers;

/// <summary>
/// What a cell of CSV or TSV means. It is text, since an answer may well be JSON; it is a value where text could not be
/// meant: messages with their roles, columns that only ever hold lists or objects, and labels.
/// </summary>
internal static class DelimitedCell
{
    private static readonly string[] s_structured =
        ["messages", "conversations", "tools", "chat_template_kwargs", "completions", "preferred_output", "non_preferred_output", "prompt_ids", "chosen_ids", "rejected_ids"];

    private static readonly string[] s_labels = ["label", "kto_tag"];

    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = JsonRow.MaxDepth - 1 };

    /// <summary>Writes the cell as a field of a row; an empty one is an absent field.</summary>
    public static void Write(Utf8JsonWriter writer, string name, ReadOnlySpan<byte> cell)
    {
        if (cell.IsEmpty) return;
        if (s_labels.Contains(name) && LabelOf(cell) is { } label) writer.WriteBoolean(name, label);
        else if (IsValue(name, cell))
        {
            writer.WritePropertyName(name);
            writer.WriteRawValue(cell, skipInputValidation: true);
        }
        else writer.WriteString(name, cell);
    }

    private static bool? LabelOf(ReadOnlySpan<byte> cell) => Ascii.Trim(cell) is var trimmed && cell[trimmed] is var text
        && (Ascii.EqualsIgnoreCase(text, "true"u8) || text.SequenceEqual("1"u8)) ? true
        : Ascii.EqualsIgnoreCase(text, "false"u8) || text.SequenceEqual("0"u8) ? false
        : null;

    private static bool IsValue(string name, ReadOnlySpan<byte> cell)
    {
        ReadOnlySpan<byte> text = cell[Ascii.Trim(cell)];
        if (!(text.StartsWith("["u8) && text.EndsWith("]"u8)) && !(text.StartsWith("{"u8) && text.EndsWith("}"u8))) return false;
        try
        {
            // A copy, since a document outlives no span; only cells that look like JSON pay it.
            using JsonDocument document = JsonDocument.Parse(text.ToArray(), s_options);
            JsonElement value = document.RootElement;
            return s_structured.Contains(name) || HoldsMessages(value);
        }
        catch (JsonException)
        {
            return false;
        }
        catch (InvalidOperationException) // half a surrogate pair in a name
        {
            return false;
        }
    }

    private static bool HoldsMessages(JsonElement value) => value.ValueKind == JsonValueKind.Array
        ? value.GetArrayLength() > 0 && value.EnumerateArray().All(IsMessage)
        : IsMessage(value) || (value.TryGetProperty("messages", out JsonElement messages) && messages.ValueKind == JsonValueKind.Array);

    private static bool IsMessage(JsonElement value) => value.ValueKind == JsonValueKind.Object
        && (value.TryGetProperty("role", out JsonElement speaker)
            ? value.TryGetProperty("content", out _) || value.TryGetProperty("tool_calls", out _)
            : value.TryGetProperty("from", out speaker) && value.TryGetProperty("value", out _))
        && speaker.ValueKind == JsonValueKind.String;
}
