using System.Text.Json;
using TrainingService.Datasets.Formats.OpenAI;
using TrainingService.Jinja;

namespace TrainingService.Datasets.Formats.LlamaFactory;

/// <summary>
/// Reads conversations as ShareGPT wrote them, <c>{"from": "human", "value": …}</c>, or with <c>role</c> and <c>content</c>,
/// both of which LLaMA-Factory takes. Every method returns null or false after it noted a fault.
/// </summary>
internal static class ShareGptTurns
{
    private static readonly Dictionary<string, string> s_roleOf = new()
    {
        ["human"] = "user", ["user"] = "user", ["gpt"] = ChatMessage.Assistant, ["assistant"] = ChatMessage.Assistant,
        ["function_call"] = ChatMessage.Assistant, ["system"] = "system", ["observation"] = "tool", ["tool"] = "tool",
    };

    /// <summary>The field that holds the conversation.</summary>
    public static string? FieldOf(JsonElement row) => row.FirstOf("conversations", "messages");

    /// <summary>The conversation of a row, its <c>system</c> before it.</summary>
    public static List<ChatMessage>? Read(JsonElement row, RowNotes notes)
    {
        string field = FieldOf(row)!;
        JsonElement list = row.GetProperty(field);
        if (list.ValueKind != JsonValueKind.Array) return notes.Fail<List<ChatMessage>>(field, $"A list of turns is expected, not {Json.Kind(list)}.");
        if (list.GetArrayLength() == 0) return notes.Fail<List<ChatMessage>>(field, "The list of turns is empty.");
        var turns = new List<ChatMessage>();
        if (!AlpacaRow.TryAddSystem(row, "system", turns, notes)) return null;
        int i = 0;
        foreach (JsonElement element in list.EnumerateArray())
        {
            if (ReadTurn(element, $"{field}[{i++}]", notes) is not { } turn) return null;
            // LLaMA-Factory lets the conversation's own system turn win.
            if (turn.Role == "system" && turns is [{ Role: "system" }]) turns.Clear();
            turns.Add(turn);
        }
        return ToolCallArguments.TryParse(turns, field, notes) ? turns : null;
    }

    /// <summary>An answer: one turn, or a list of them.</summary>
    public static List<ChatMessage>? ReadAnswer(JsonElement row, string field, RowNotes notes)
    {
        if (!row.TryGetProperty(field, out JsonElement answer)) return notes.Fail<List<ChatMessage>>(field, "The field is missing.");
        if (answer.ValueKind == JsonValueKind.Array) return MessageReader.ReadCompletion(row, field, notes);
        return ReadTurn(answer, field, notes) is { } turn && new List<ChatMessage> { turn } is var turns
            && MessageReader.IsCompletion(turns, field, 0, notes) && ToolCallArguments.TryParse(turns, field, notes) ? turns : null;
    }

    /// <summary>Adds the row's tools, which LLaMA-Factory takes as bare descriptions of functions.</summary>
    public static ConversationRow? WithTools(ConversationRow conversation, JsonElement row, RowNotes notes)
    {
        if (row.Has("tools", JsonValueKind.String) && row.GetProperty("tools").ValueEquals("")) return conversation;
        if (!MessageReader.TryReadTools(row, "tools", notes, out List<object?>? tools)) return null;
        return conversation with
        {
            Tools = tools?.ConvertAll(tool => tool is IReadOnlyDictionary<string, object?> described && !described.ContainsKey("type")
                ? new OrderedDictionary<string, object?> { ["type"] = "function", ["function"] = described } : tool),
        };
    }

    private static ChatMessage? ReadTurn(JsonElement element, string path, RowNotes notes)
    {
        if (element.ValueKind != JsonValueKind.Object) return notes.Fail<ChatMessage>(path, $"A turn with 'from' and 'value' is expected, not {Json.Kind(element)}.");
        if (!element.TryGetProperty("from", out JsonElement from)) return MessageReader.ReadMessage(element, path, notes);
        if (from.ValueKind != JsonValueKind.String || !s_roleOf.TryGetValue(from.GetString()!, out string? role))
            return notes.Fail<ChatMessage>(path + ".from", $"The speaker must be one of {string.Join(", ", s_roleOf.Keys)}.");
        if (!element.TryGetProperty("value", out JsonElement value)) return notes.Fail<ChatMessage>(path + ".value", "The field is missing.");
        if (value.ValueKind != JsonValueKind.String) return notes.Fail<ChatMessage>(path + ".value", $"A text is expected, not {Json.Kind(value)}.");
        string text = value.GetString()!;
        if (text.Contains('\0')) return notes.Fail<ChatMessage>(path + ".value", MessageReader.HoldsNul);
        return from.ValueEquals("function_call") ? ReadCall(text, path + ".value", notes) : new ChatMessage(role, text);
    }

    private static ChatMessage? ReadCall(string text, string path, RowNotes notes)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            JsonElement given = document.RootElement;
            JsonElement[] calls = given.ValueKind == JsonValueKind.Array ? [.. given.EnumerateArray()] : [given];
            if (calls.Length > 0 && calls.All(call => call.ValueKind == JsonValueKind.Object && call.Has("name", JsonValueKind.String)))
                return new ChatMessage(new OrderedDictionary<string, object?>
                {
                    ["role"] = ChatMessage.Assistant,
                    ["content"] = null,
                    ["tool_calls"] = calls.Select(call => (object?)new OrderedDictionary<string, object?> { ["type"] = "function", ["function"] = JinjaValues.FromJson(call) }).ToList(),
                });
        }
        catch (JsonException)
        {
            // Told below, as any other text that is no call.
        }
        return notes.Fail<ChatMessage>(path, "A function call must be a text that holds a JSON object with 'name' and 'arguments', or a list of them.");
    }
}
