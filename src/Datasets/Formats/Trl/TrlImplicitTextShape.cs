using System.Text.Json;

namespace TrainingService.Datasets.Formats.Trl;

/// <summary>
/// TRL's standard rows with an implicit prompt: <c>chosen</c> and <c>rejected</c> are whole texts, and the
/// characters that both begin with are the prompt.
/// </summary>
internal sealed class TrlImplicitTextShape() : RowShape("trl_implicit_text", RowKind.Preference,
    "TRL's standard format without a prompt (chosen and rejected as whole texts)",
    "chosen", "rejected")
{
    internal override bool Recognises(JsonElement row) => !row.TryGetProperty("prompt", out _) && TrlRow.HoldsText(row);

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (TrlRow.ReadText(row, "chosen", notes) is not { } chosen) return null;
        if (TrlRow.ReadText(row, "rejected", notes) is not { } rejected) return null;
        if (chosen == rejected) return notes.Fail<TrainingRow>("rejected", MessageReader.Identical("chosen"));
        int shared = ImplicitPrompt.SharedCharacters(chosen, rejected);
        if (shared == 0)
            return notes.Fail<TrainingRow>("chosen", "There is no prompt: chosen and rejected differ from their first character on. Give the common beginning as 'prompt'.");
        return new TextRow(notes.Row, Kind, chosen[..shared], [chosen[shared..], rejected[shared..]]);
    }
}
