using System.Text.Json;
using TrainingService.Jinja;

namespace TrainingService.Datasets.Formats.Trl;

/// <summary>What TRL's row shapes have in common.</summary>
internal static class TrlRow
{
    /// <summary>Whether the completions are lists of messages, or mean to be.</summary>
    public static bool HoldsMessages(JsonElement row) => Completions(row).Any(c => c.ValueKind is JsonValueKind.Array or JsonValueKind.Object);

    /// <summary>Whether there are completions that are not lists of messages.</summary>
    public static bool HoldsText(JsonElement row) => Completions(row).Any() && !HoldsMessages(row);

    /// <summary>A text that is not empty; null after a fault was noted.</summary>
    public static string? ReadText(JsonElement row, string field, RowNotes notes)
    {
        if (!row.TryGetProperty(field, out JsonElement value)) return notes.Fail<string>(field, "The field is missing.");
        if (value.ValueKind != JsonValueKind.String)
            return notes.Fail<string>(field, value.ValueKind == JsonValueKind.Array
                ? "A list is given where a text is expected; prompt and completions must be all text or all lists of messages."
                : $"A text is expected, not {Json.Kind(value)}.");
        string text = value.GetString()!;
        if (text.Length == 0) return notes.Fail<string>(field, "The text is empty.");
        if (text.Contains('\0')) return notes.Fail<string>(field, MessageReader.HoldsNul);
        if (string.IsNullOrWhiteSpace(text)) notes.Warn($"The field '{field}' holds nothing but white space.");
        return text;
    }

    /// <summary>Adds the row's <c>tools</c> and <c>chat_template_kwargs</c>; null after a fault was noted.</summary>
    public static ConversationRow? WithTemplateInputs(ConversationRow conversation, JsonElement row, RowNotes notes)
    {
        if (!MessageReader.TryReadTools(row, "tools", notes, out List<object?>? tools)) return null;
        if (!row.TryGetProperty("chat_template_kwargs", out JsonElement variables) || variables.ValueKind == JsonValueKind.Null)
            return conversation with { Tools = tools };
        if (variables.ValueKind != JsonValueKind.Object)
            return notes.Fail<ConversationRow>("chat_template_kwargs", $"An object of template variables is expected, not {Json.Kind(variables)}.");
        return conversation with { Tools = tools, TemplateVariables = (OrderedDictionary<string, object?>)JinjaValues.FromJson(variables)! };
    }

    private static IEnumerable<JsonElement> Completions(JsonElement row)
    {
        if (row.TryGetProperty("chosen", out JsonElement chosen)) yield return chosen;
        if (row.TryGetProperty("rejected", out JsonElement rejected)) yield return rejected;
    }
}
