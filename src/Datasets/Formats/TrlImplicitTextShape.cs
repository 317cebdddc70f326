using System.Text.Json;

namespace TrainingService.Datasets.Formats;

/// <summary>
/// TRL's standard rows with an implicit prompt: <c>chosen</c> and <c>rejected</c> are whole texts (HH-RLHF's transcripts
/// among them), and the characters that both begin with are the prompt.
/// </summary>
internal sealed class TrlImplicitTextShape : RowShape
{
    public override PreferenceFormat Format => PreferenceFormat.TrlImplicitText;
    public override string Description => "TRL's standard format without a prompt (chosen and rejected as whole texts)";
    public override IReadOnlyList<string> Fields { get; } = ["chosen", "rejected"];

    public override bool Recognises(JsonElement row) => !row.TryGetProperty("prompt", out _) && TrlRow.HoldsText(row);

    public override PreferencePair? Read(JsonElement row, RowNotes notes)
    {
        if (TrlRow.ReadText(row, "chosen", notes) is not { } chosen) return null;
        if (TrlRow.ReadText(row, "rejected", notes) is not { } rejected) return null;
        if (chosen == rejected) return notes.Fail<PreferencePair>("rejected", MessageReader.Identical("chosen"));
        int shared = ImplicitPrompt.SharedCharacters(chosen, rejected);
        if (shared == 0)
            return notes.Fail<PreferencePair>("chosen", "There is no prompt: chosen and rejected differ from their first character on. Give the common beginning as 'prompt'.");
        return new TextPair(notes.Row, chosen[..shared], chosen[shared..], rejected[shared..]);
    }
}
