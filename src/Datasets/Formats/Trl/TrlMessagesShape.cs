using System.Text.Json;

namespace TrainingService.Datasets.Formats.Trl;

/// <summary>TRL's conversational preference rows: <c>prompt</c>, <c>chosen</c> and <c>rejected</c> are lists of messages.</summary>
internal sealed class TrlMessagesShape() : RowShape("trl_messages", RowKind.Preference,
    "TRL's conversational format (prompt, chosen and rejected as lists of messages)",
    "prompt", "chosen", "rejected", "tools", "chat_template_kwargs")
{
    internal override bool Recognises(JsonElement row) => row.TryGetProperty("prompt", out _) && TrlRow.HoldsMessages(row);

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (MessageReader.ReadPrompt(row, "prompt", "prompt", notes) is not { } prompt) return null;
        if (MessageReader.ReadCompletion(row, "chosen", notes) is not { } chosen) return null;
        if (MessageReader.ReadCompletion(row, "rejected", notes) is not { } rejected) return null;
        if (JsonElement.DeepEquals(row.GetProperty("chosen"), row.GetProperty("rejected")))
            return notes.Fail<TrainingRow>("rejected", MessageReader.Identical("chosen"));
        return TrlRow.WithTemplateInputs(new ConversationRow(notes.Row, Kind, prompt, [chosen, rejected]), row, notes);
    }
}
