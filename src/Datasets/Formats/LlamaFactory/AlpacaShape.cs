using System.Text.Json;
using TrainingService.Datasets.Formats.Trl;

namespace TrainingService.Datasets.Formats.LlamaFactory;

/// <summary>
/// LLaMA-Factory's alpaca rows: <c>instruction</c>, <c>input</c>, <c>output</c>, for KTO with a <c>kto_tag</c>. Unlabelled,
/// the answers of the <c>history</c> are trained on as well, as LLaMA-Factory does.
/// </summary>
internal sealed class AlpacaShape(bool labelled) : RowShape(
    labelled ? "alpaca_kto" : "alpaca", labelled ? RowKind.Labelled : RowKind.Supervised,
    labelled ? "LLaMA-Factory's alpaca KTO format (instruction, input, output, kto_tag)" : "LLaMA-Factory's alpaca format (instruction, input, output)",
    labelled ? ["instruction", "input", "output", "system", "history", "kto_tag", "label"] : ["instruction", "input", "output", "system", "history"])
{
    internal override bool Recognises(JsonElement row) =>
        row.Has("instruction") && row.TryGetProperty("output", out _) && labelled == row.FirstOf("kto_tag", "label") is not null;

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (AlpacaRow.ReadPrompt(row, notes) is not { } prompt) return null;
        if (TrlRow.ReadText(row, "output", notes) is not { } output) return null;
        var answer = new ChatMessage(ChatMessage.Assistant, output);
        if (!labelled) return new ConversationRow(notes.Row, Kind, [], [[.. prompt, answer]]);
        return LabelReader.Read(row, row.FirstOf("kto_tag", "label")!, notes) is not { } label ? null
            : new ConversationRow(notes.Row, Kind, prompt, [[answer]]) { Label = label };
    }
}
