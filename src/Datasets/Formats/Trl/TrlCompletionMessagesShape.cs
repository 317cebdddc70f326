using System.Text.Json;

namespace TrainingService.Datasets.Formats.Trl;

/// <summary>TRL's conversational rows of a prompt and one completion; labelled they are its unpaired preferences.</summary>
internal sealed class TrlCompletionMessagesShape(bool labelled) : RowShape(
    labelled ? "trl_unpaired_messages" : "trl_prompt_completion_messages", labelled ? RowKind.Labelled : RowKind.Supervised,
    labelled ? "TRL's conversational unpaired format (prompt and completion as lists of messages, label)" : "TRL's conversational prompt–completion format (prompt and completion as lists of messages)",
    labelled ? ["prompt", "completion", "label", "tools", "chat_template_kwargs"] : ["prompt", "completion", "tools", "chat_template_kwargs"])
{
    internal override bool Recognises(JsonElement row) =>
        row.TryGetProperty("completion", out JsonElement completion) && completion.ValueKind is JsonValueKind.Array or JsonValueKind.Object && labelled == row.Has("label");

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (MessageReader.ReadPrompt(row, "prompt", "prompt", notes) is not { } prompt) return null;
        if (MessageReader.ReadCompletion(row, "completion", notes) is not { } completion) return null;
        bool? label = labelled ? LabelReader.Read(row, "label", notes) : false;
        return label is null ? null : TrlRow.WithTemplateInputs(new ConversationRow(notes.Row, Kind, prompt, [completion]) { Label = label.Value }, row, notes);
    }
}
