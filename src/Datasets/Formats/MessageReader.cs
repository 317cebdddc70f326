using System.Text.Json;
using TrainingService.Jinja;

namespace TrainingService.Datasets.Formats;

/// <summary>Reads the messages of a row. Every method returns null or false after it noted a fault.</summary>
internal static class MessageReader
{
    public const string HoldsNul = "The text holds a NUL character (U+0000); remove it.";

    private static readonly string[] s_roles = ["system", "developer", "user", "assistant", "tool", "function"];

    public static string Identical(string other) => $"It is the same as '{other}': there is nothing to prefer. Remove the row or give two different answers.";

    /// <summary>Messages that end where an assistant's answer is due.</summary>
    public static List<ChatMessage>? ReadPrompt(JsonElement parent, string name, string path, RowNotes notes) =>
        Read(parent, name, path, notes) is { } prompt && EndsAsPrompt(prompt[^1], $"{path}[{prompt.Count - 1}]", notes) ? prompt : null;

    /// <summary>Messages that answer a prompt.</summary>
    public static List<ChatMessage>? ReadCompletion(JsonElement row, string name, RowNotes notes) =>
        Read(row, name, name, notes) is { } completion && IsCompletion(completion, name, 0, notes) ? completion : null;

    /// <summary>Any conversation of at least one message.</summary>
    public static List<ChatMessage>? Read(JsonElement parent, string name, string path, RowNotes notes)
    {
        if (!parent.TryGetProperty(name, out JsonElement list)) return notes.Fail<List<ChatMessage>>(path, "The field is missing.");
        if (list.ValueKind != JsonValueKind.Array) return notes.Fail<List<ChatMessage>>(path, $"A list of messages is expected, not {Json.Kind(list)}.");
        if (list.GetArrayLength() == 0) return notes.Fail<List<ChatMessage>>(path, "The list of messages is empty.");
        var messages = new List<ChatMessage>(list.GetArrayLength());
        foreach (JsonElement element in list.EnumerateArray())
        {
            if (ReadMessage(element, $"{path}[{messages.Count}]", notes) is not { } message) return null;
            messages.Add(message);
        }
        return messages;
    }

    public static bool EndsAsPrompt(ChatMessage last, string path, RowNotes notes)
    {
        if (last.Role != "assistant") return true;
        notes.Fail(path + ".role", "The prompt ends with an assistant message, so no answer is due: end it with the user's (or a tool's) message and move the answer to the completions.");
        return false;
    }

    /// <param name="completion">The messages behind the prompt.</param>
    /// <param name="path">The field that holds them.</param>
    /// <param name="offset">Where in that field they begin.</param>
    /// <param name="notes">Takes faults.</param>
    public static bool IsCompletion(List<ChatMessage> completion, string path, int offset, RowNotes notes)
    {
        for (int i = 0; i < completion.Count; i++)
        {
            ChatMessage message = completion[i];
            if (message.Role == "assistant")
            {
                if (message.Content is "" && !CallsTools(message.Fields)) notes.Fail($"{path}[{offset + i}].content", "The answer is empty.");
            }
            else if (i == 0) notes.Fail($"{path}[{offset}].role", $"A completion begins with an assistant message, not with the role '{message.Role}'.");
            else if (i == completion.Count - 1) notes.Fail($"{path}[{offset + i}].role", $"A completion ends with an assistant message, not with the role '{message.Role}'.");
            if (notes.Problem is not null) return false;
        }
        return true;
    }

    /// <summary>The optional list of tools, which TRL's users also give as a text that holds one.</summary>
    public static bool TryReadTools(JsonElement parent, string path, RowNotes notes, out List<object?>? tools)
    {
        tools = null;
        if (!parent.TryGetProperty("tools", out JsonElement given) || given.ValueKind == JsonValueKind.Null) return true;
        using JsonDocument? parsed = given.ValueKind == JsonValueKind.String ? ParseText(given) : null;
        JsonElement list = parsed?.RootElement ?? given;
        if (list.ValueKind != JsonValueKind.Array || list.EnumerateArray().Any(tool => tool.ValueKind != JsonValueKind.Object))
        {
            notes.Fail(path, "A list of tool objects is expected.");
            return false;
        }
        // Llama's templates write their preamble for tools even when the list is empty.
        if (list.GetArrayLength() > 0) tools = list.EnumerateArray().Select(JinjaValues.FromJson).ToList();
        return true;
    }

    private static JsonDocument? ParseText(JsonElement text)
    {
        try
        {
            return JsonDocument.Parse(text.GetString()!);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static ChatMessage? ReadMessage(JsonElement element, string path, RowNotes notes)
    {
        ChatMessage? Fail(string field, string reason) => notes.Fail<ChatMessage>(path + field, reason);

        if (element.ValueKind != JsonValueKind.Object) return Fail("", $"A message object with 'role' and 'content' is expected, not {Json.Kind(element)}.");
        if (!element.TryGetProperty("role", out JsonElement roleValue))
            return Fail(".role", element.TryGetProperty("from", out _) ? "The field is missing; write 'role' and 'content' in place of 'from' and 'value'." : "The field is missing.");
        if (roleValue.ValueKind != JsonValueKind.String) return Fail(".role", $"A text is expected, not {Json.Kind(roleValue)}.");
        if (!s_roles.Any(roleValue.ValueEquals)) return Fail(".role", $"The role '{Shown(roleValue.GetString()!)}' is not known; it must be one of {string.Join(", ", s_roles)}.");

        var fields = (OrderedDictionary<string, object?>)JinjaValues.FromJson(element)!;
        string role = (string)fields["role"]!;
        bool callsTools = role == "assistant" && CallsTools(fields);
        switch (fields.GetValueOrDefault("content"))
        {
            case string text:
                if (text.Contains('\0')) return Fail(".content", HoldsNul);
                if (role == "user" && string.IsNullOrWhiteSpace(text)) notes.Warn("A user's message is empty.");
                else if (role == "assistant" && text.Length > 0 && string.IsNullOrWhiteSpace(text)) notes.Warn("An assistant's message holds nothing but white space.");
                break;
            case null when callsTools:
                // TRL's rows come from Arrow tables, where every message has every field: templates look at content unasked.
                fields.TryAdd("content", null);
                break;
            case null:
                return Fail(".content", fields.ContainsKey("content") ? "A text is expected, not null." : "The field is missing.");
            case IReadOnlyList<object?> parts when JoinText(parts) is { } joined:
                fields["content"] = joined;
                break;
            case IReadOnlyList<object?>:
                return Fail(".content", "Only text parts ({\"type\": \"text\", \"text\": …}) can be trained on.");
            default:
                return Fail(".content", $"A text is expected, not {Json.Kind(element.GetProperty("content"))}.");
        }
        if (fields.TryGetValue("tool_calls", out object? calls) && calls is not (null or IReadOnlyList<object?>))
            return Fail(".tool_calls", $"A list of calls is expected, not {Json.Kind(element.GetProperty("tool_calls"))}.");
        return new ChatMessage(fields);
    }

    public static bool CallsTools(IReadOnlyDictionary<string, object?> fields) =>
        fields.GetValueOrDefault("tool_calls") is IReadOnlyList<object?> { Count: > 0 } || fields.GetValueOrDefault("function_call") is not null;

    // OpenAI's content parts. Most templates know only texts, and would print a list as Python writes one.
    private static string? JoinText(IReadOnlyList<object?> parts)
    {
        var texts = new List<string>(parts.Count);
        foreach (object? part in parts)
        {
            if (part is not IReadOnlyDictionary<string, object?> fields || fields.GetValueOrDefault("type") is not "text" || fields.GetValueOrDefault("text") is not string text)
                return null;
            texts.Add(text);
        }
        return texts.Count == 0 ? null : string.Join('\n', texts);
    }

    private static string Shown(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
