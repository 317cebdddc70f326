using System.Text.Json;
using TrainingService.Jinja;

namespace TrainingService.Datasets.Formats.OpenAI;

/// <summary>
/// Turns the arguments of tool calls from OpenAI's JSON texts into the objects that Hugging Face's chat templates print;
/// left as texts, <c>tojson</c> would quote them a second time and the model would learn that.
/// </summary>
internal static class ToolCallArguments
{
    public static bool TryParse(List<ChatMessage> messages, string field, RowNotes notes)
    {
        for (int i = 0; i < messages.Count; i++)
        {
            if (messages[i].Fields.GetValueOrDefault("tool_calls") is not IReadOnlyList<object?> calls) continue;
            var parsed = new List<object?>(calls.Count);
            for (int j = 0; j < calls.Count; j++)
            {
                if (!TryParse(calls[j], out object? call))
                {
                    notes.Fail($"{field}[{i}].tool_calls[{j}].function.arguments", "The arguments of a tool call must be a text that holds a JSON object.");
                    return false;
                }
                parsed.Add(call);
            }
            messages[i] = new ChatMessage(With(messages[i].Fields, "tool_calls", parsed));
        }
        return true;
    }

    private static bool TryParse(object? call, out object? parsed)
    {
        parsed = call;
        if (call is not IReadOnlyDictionary<string, object?> callFields
            || callFields.GetValueOrDefault("function") is not IReadOnlyDictionary<string, object?> function
            || function.GetValueOrDefault("arguments") is not string text)
            return true;
        try
        {
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind != JsonValueKind.Object) return false;
            parsed = With(callFields, "function", With(function, "arguments", JinjaValues.FromJson(document.RootElement)));
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static OrderedDictionary<string, object?> With(IReadOnlyDictionary<string, object?> fields, string name, object? value) =>
        new(fields) { [name] = value };
}
