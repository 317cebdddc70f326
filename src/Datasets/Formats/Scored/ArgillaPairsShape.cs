using System.Text.Json;
using TrainingService.Datasets.Formats.Trl;

namespace TrainingService.Datasets.Formats.Scored;

/// <summary>
/// Argilla's and distilabel's pairs of texts, and the Orca pairs that they grew from: <c>system</c>, <c>input</c> or
/// <c>question</c>, <c>chosen</c>, <c>rejected</c>; or <c>instruction</c>, <c>chosen_response</c>, <c>rejected_response</c>.
/// </summary>
internal sealed class ArgillaPairsShape() : RowShape("argilla_pairs", RowKind.Preference,
    "Argilla's pairs (input, question or instruction; chosen and rejected as text)",
    [.. InstructionPrompt.Fields, .. InstructionPrompt.SystemFields, "chosen", "rejected", "chosen_response", "rejected_response", "status"])
{
    internal override bool Recognises(JsonElement row) =>
        row.FirstOf("chosen_response", "rejected_response") is not null
        || (row.FirstOf("input", "question") is not null && !row.Has("instruction") && !row.Has("prompt") && TrlRow.HoldsText(row));

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (InstructionPrompt.Read(row, notes) is not { } prompt) return null;
        bool responses = row.FirstOf("chosen_response", "rejected_response") is not null;
        string chosenField = responses ? "chosen_response" : "chosen", rejectedField = responses ? "rejected_response" : "rejected";
        if (TrlRow.ReadText(row, chosenField, notes) is not { } chosen) return null;
        if (TrlRow.ReadText(row, rejectedField, notes) is not { } rejected) return null;
        if (row.Has("status", JsonValueKind.String) && row.GetProperty("status").ValueEquals("tie"))
            return new LeftOutRow(notes.Row, Kind, "Its status is a tie.");
        return chosen == rejected
            ? notes.Fail<TrainingRow>(rejectedField, MessageReader.Identical(chosenField))
            : new ConversationRow(notes.Row, Kind, prompt, [[new(ChatMessage.Assistant, chosen)], [new(ChatMessage.Assistant, rejected)]]);
    }
}
