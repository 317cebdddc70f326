using System.Text.Json;

namespace TrainingService.Datasets.Formats;

/// <summary>TRL's standard preference rows: <c>prompt</c>, <c>chosen</c> and <c>rejected</c> are text.</summary>
internal sealed class TrlTextShape : RowShape
{
    public override PreferenceFormat Format => PreferenceFormat.TrlText;
    public override string Description => "TRL's standard format (prompt, chosen and rejected as text)";
    public override IReadOnlyList<string> Fields { get; } = ["prompt", "chosen", "rejected"];

    public override bool Recognises(JsonElement row) => row.TryGetProperty("prompt", out _) && TrlRow.HoldsText(row);

    public override PreferencePair? Read(JsonElement row, RowNotes notes)
    {
        if (TrlRow.ReadText(row, "prompt", notes) is not { } prompt) return null;
        if (TrlRow.ReadText(row, "chosen", notes) is not { } chosen) return null;
        if (TrlRow.ReadText(row, "rejected", notes) is not { } rejected) return null;
        if (chosen == rejected) return notes.Fail<PreferencePair>("rejected", MessageReader.Identical("chosen"));
        return new TextPair(notes.Row, prompt, chosen, rejected);
    }
}
