using System.Text.Json;

namespace TrainingService.Datasets.Formats.Trl;

/// <summary>TRL's standard rows of a prompt and one completion, both text; labelled they are its unpaired preferences.</summary>
internal sealed class TrlCompletionTextShape(bool labelled) : RowShape(
    labelled ? "trl_unpaired_text" : "trl_prompt_completion_text", labelled ? RowKind.Labelled : RowKind.Supervised,
    labelled ? "TRL's unpaired format (prompt and completion as text, label)" : "TRL's prompt–completion format (prompt and completion as text)",
    labelled ? ["prompt", "completion", "label"] : ["prompt", "completion"])
{
    internal override bool Recognises(JsonElement row) => row.TryGetProperty("completion", out _) && labelled == row.Has("label");

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (TrlRow.ReadText(row, "prompt", notes) is not { } prompt) return null;
        if (TrlRow.ReadText(row, "completion", notes) is not { } completion) return null;
        bool? label = labelled ? LabelReader.Read(row, "label", notes) : false;
        return label is null ? null : new TextRow(notes.Row, Kind, prompt, [completion]) { Label = label.Value };
    }
}
