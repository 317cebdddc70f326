using System.Text.Json;

namespace TrainingService.Datasets.Formats.Trl;

/// <summary>
/// TRL's conversational rows with an implicit prompt: <c>chosen</c> and <c>rejected</c> hold the whole conversation, and
/// the turns that both begin with are the prompt.
/// </summary>
internal sealed class TrlImplicitMessagesShape() : RowShape("trl_implicit_messages", RowKind.Preference,
    "TRL's conversational format without a prompt (chosen and rejected hold the whole conversation)",
    "chosen", "rejected", "tools", "chat_template_kwargs")
{
    internal override bool Recognises(JsonElement row) => !row.TryGetProperty("prompt", out _) && TrlRow.HoldsMessages(row);

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (MessageReader.Read(row, "chosen", "chosen", notes) is not { } chosen) return null;
        if (MessageReader.Read(row, "rejected", "rejected", notes) is not { } rejected) return null;
        JsonElement chosenTurns = row.GetProperty("chosen"), rejectedTurns = row.GetProperty("rejected");
        if (JsonElement.DeepEquals(chosenTurns, rejectedTurns))
            return notes.Fail<TrainingRow>("rejected", MessageReader.Identical("chosen"));

        int shared = ImplicitPrompt.SharedTurns(chosenTurns, rejectedTurns);
        if (shared == 0)
            return notes.Fail<TrainingRow>("chosen", "There is no prompt: chosen and rejected differ from their first message on. Give the conversation so far as 'prompt', or begin both with it.");
        if (!MessageReader.EndsAsPrompt(chosen[shared - 1], $"chosen[{shared - 1}]", notes)
            || !MessageReader.IsCompletion(chosen[shared..], "chosen", shared, notes)
            || !MessageReader.IsCompletion(rejected[shared..], "rejected", shared, notes)) return null;
        return TrlRow.WithTemplateInputs(new ConversationRow(notes.Row, Kind, chosen[..shared], [chosen[shared..], rejected[shared..]]), row, notes);
    }
}
