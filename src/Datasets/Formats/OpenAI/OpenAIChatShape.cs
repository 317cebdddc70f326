using System.Text.Json;
using TrainingService.Datasets.Formats.Trl;

namespace TrainingService.Datasets.Formats.OpenAI;

/// <summary>
/// <c>{"messages":[…],"tools":[…],"parallel_tool_calls":true}</c>: the rows of OpenAI's supervised fine-tuning, and TRL's
/// conversational language modelling. An assistant message of <c>"weight": 0</c> is read, but not trained on.
/// </summary>
internal sealed class OpenAIChatShape() : RowShape("openai_chat", RowKind.Supervised,
    "OpenAI's chat format (messages)", "messages", "tools", "parallel_tool_calls", "chat_template_kwargs")
{
    internal override bool Recognises(JsonElement row) => row.TryGetProperty("messages", out _);

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (MessageReader.Read(row, "messages", "messages", notes) is not { } messages) return null;
        for (int i = 0; i < messages.Count; i++)
        {
            ChatMessage message = messages[i];
            if (message.Fields.GetValueOrDefault("weight") is not { } weight) continue;
            if (message.Role != ChatMessage.Assistant)
                return notes.Fail<TrainingRow>($"messages[{i}].weight", $"Only assistant messages have a weight; this is a message of the role '{message.Role}'.");
            if (weight is not (0L or 1L))
                return notes.Fail<TrainingRow>($"messages[{i}].weight", "The weight must be 0 (read only) or 1 (trained on).");
        }
        if (messages.FindIndex(m => m.Role == ChatMessage.Assistant && m.Content is "" && !MessageReader.CallsTools(m.Fields)) is var empty and >= 0)
            return notes.Fail<TrainingRow>($"messages[{empty}].content", "The answer is empty.");
        if (!messages.Exists(m => m.IsTrained))
            return notes.Fail<TrainingRow>("messages", "There is no assistant message to learn from: end the conversation with the assistant's answer, of a weight that is not 0.");
        if (!ToolCallArguments.TryParse(messages, "messages", notes)) return null;
        return TrlRow.WithTemplateInputs(new ConversationRow(notes.Row, Kind, [], [messages]), row, notes);
    }
}
