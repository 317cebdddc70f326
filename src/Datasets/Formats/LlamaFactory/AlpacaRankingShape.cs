using System.Text.Json;
using TrainingService.Datasets.Formats.Trl;

namespace TrainingService.Datasets.Formats.LlamaFactory;

/// <summary>LLaMA-Factory's alpaca rows for preference: <c>instruction</c>, <c>input</c>, <c>chosen</c>, <c>rejected</c>, all text.</summary>
internal sealed class AlpacaRankingShape() : RowShape("alpaca_ranking", RowKind.Preference,
    "LLaMA-Factory's alpaca ranking format (instruction, input, chosen, rejected)",
    "instruction", "input", "chosen", "rejected", "system", "history")
{
    internal override bool Recognises(JsonElement row) => row.Has("instruction") && TrlRow.HoldsText(row);

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (AlpacaRow.ReadPrompt(row, notes) is not { } prompt) return null;
        if (TrlRow.ReadText(row, "chosen", notes) is not { } chosen) return null;
        if (TrlRow.ReadText(row, "rejected", notes) is not { } rejected) return null;
        return chosen == rejected
            ? notes.Fail<TrainingRow>("rejected", MessageReader.Identical("chosen"))
            : new ConversationRow(notes.Row, Kind, prompt, [[new(ChatMessage.Assistant, chosen)], [new(ChatMessage.Assistant, rejected)]]);
    }
}
