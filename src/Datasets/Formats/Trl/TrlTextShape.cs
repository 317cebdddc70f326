using System.Text.Json;

namespace TrainingService.Datasets.Formats.Trl;

/// <summary>TRL's standard preference rows: <c>prompt</c>, <c>chosen</c> and <c>rejected</c> are text.</summary>
internal sealed class TrlTextShape() : RowShape("trl_text", RowKind.Preference,
    "TRL's standard format (prompt, chosen and rejected as text)",
    "prompt", "chosen", "rejected")
{
    internal override bool Recognises(JsonElement row) => row.TryGetProperty("prompt", out _) && TrlRow.HoldsText(row);

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (TrlRow.ReadText(row, "prompt", notes) is not { } prompt) return null;
        if (TrlRow.ReadText(row, "chosen", notes) is not { } chosen) return null;
        if (TrlRow.ReadText(row, "rejected", notes) is not { } rejected) return null;
        if (chosen == rejected) return notes.Fail<TrainingRow>("rejected", MessageReader.Identical("chosen"));
        return new TextRow(notes.Row, Kind, prompt, [chosen, rejected]);
    }
}
