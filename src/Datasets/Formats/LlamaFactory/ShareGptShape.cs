using System.Text.Json;

namespace TrainingService.Datasets.Formats.LlamaFactory;

/// <summary>
/// LLaMA-Factory's sharegpt rows: a conversation whose answers are imitated or, with a <c>label</c> or <c>kto_tag</c>, whose
/// last answer has a thumb up or down.
/// </summary>
internal sealed class ShareGptShape(bool labelled) : RowShape(
    labelled ? "sharegpt_kto" : "sharegpt", labelled ? RowKind.Labelled : RowKind.Supervised,
    labelled ? "LLaMA-Factory's KTO format (conversations or messages, label or kto_tag)" : "LLaMA-Factory's sharegpt format (conversations)",
    labelled ? ["conversations", "messages", "system", "tools", "label", "kto_tag"] : ["conversations", "system", "tools"])
{
    internal override bool Recognises(JsonElement row) => labelled
        ? ShareGptTurns.FieldOf(row) is not null && LabelOf(row) is not null
        : row.Has("conversations") && LabelOf(row) is null;

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (ShareGptTurns.Read(row, notes) is not { } turns) return null;
        string field = ShareGptTurns.FieldOf(row)!;
        if (turns[^1].Role != ChatMessage.Assistant)
            return notes.Fail<TrainingRow>(field, "The conversation must end with the assistant's answer.");
        if (turns[^1].Content is "" && !MessageReader.CallsTools(turns[^1].Fields))
            return notes.Fail<TrainingRow>(field, "The last answer is empty.");
        if (!labelled) return ShareGptTurns.WithTools(new ConversationRow(notes.Row, Kind, [], [turns]), row, notes);
        if (turns.Count == 1 || turns[^2].Role == ChatMessage.Assistant)
            return notes.Fail<TrainingRow>(field, "There must be a turn to answer before the labelled one.");
        if (LabelReader.Read(row, LabelOf(row)!, notes) is not { } label) return null;
        return ShareGptTurns.WithTools(new ConversationRow(notes.Row, Kind, turns[..^1], [turns[^1..]]) { Label = label }, row, notes);
    }

    private static string? LabelOf(JsonElement row) => row.FirstOf("label", "kto_tag");
}
