using System.Text.Json;

namespace TrainingService.Datasets.Formats.OpenAI;

/// <summary>
/// <c>{"input":{"messages":[…],"tools":[…],"parallel_tool_calls":true},"preferred_output":[…],"non_preferred_output":[…]}</c>:
/// the rows of OpenAI's fine-tuning method "dpo". The outputs are assistant messages only.
/// </summary>
internal sealed class OpenAIPreferenceShape() : RowShape("openai_preference", RowKind.Preference,
    "OpenAI's preference format (input, preferred_output, non_preferred_output)",
    "input", "preferred_output", "non_preferred_output")
{
    internal override bool Recognises(JsonElement row) =>
        row.TryGetProperty("preferred_output", out _) || row.TryGetProperty("non_preferred_output", out _) || row.Has("input", JsonValueKind.Object);

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (!row.TryGetProperty("input", out JsonElement input)) return notes.Fail<TrainingRow>("input", "The field is missing.");
        if (input.ValueKind != JsonValueKind.Object) return notes.Fail<TrainingRow>("input", $"An object with 'messages' is expected, not {Json.Kind(input)}.");
        if (MessageReader.ReadPrompt(input, "messages", "input.messages", notes) is not { } prompt) return null;
        if (MessageReader.ReadCompletion(row, "preferred_output", notes) is not { } preferred) return null;
        if (MessageReader.ReadCompletion(row, "non_preferred_output", notes) is not { } other) return null;
        foreach ((string field, List<ChatMessage> output) in new[] { ("preferred_output", preferred), ("non_preferred_output", other) })
            if (output.FindIndex(m => m.Role != "assistant") is var i and >= 0)
                return notes.Fail<TrainingRow>($"{field}[{i}].role", $"An output holds assistant messages only; this is a message of the role '{output[i].Role}'.");
        if (JsonElement.DeepEquals(row.GetProperty("preferred_output"), row.GetProperty("non_preferred_output")))
            return notes.Fail<TrainingRow>("non_preferred_output", MessageReader.Identical("preferred_output"));
        if (!MessageReader.TryReadTools(input, "input.tools", notes, out List<object?>? tools)) return null;
        foreach (JsonProperty property in input.EnumerateObject())
            if (property.Name is not ("messages" or "tools" or "parallel_tool_calls"))
                notes.Warn($"The field 'input.{property.Name}' is not used.");

        // OpenAI writes a call's arguments as a JSON text, Hugging Face's templates print an object.
        foreach ((string field, List<ChatMessage> messages) in new[] { ("input.messages", prompt), ("preferred_output", preferred), ("non_preferred_output", other) })
            if (!ToolCallArguments.TryParse(messages, field, notes)) return null;
        return new ConversationRow(notes.Row, Kind, prompt, [preferred, other]) { Tools = tools };
    }
}
