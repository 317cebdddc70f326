using System.Text.Json;

namespace TrainingService.Datasets.Formats.Tokenized;

/// <summary>Pairs as the token ids of TRL's DPO trainer: <c>prompt_ids</c>, <c>chosen_ids</c>, <c>rejected_ids</c>.</summary>
internal sealed class TokenizedPreferenceShape() : RowShape("tokenized_preference", RowKind.Preference,
    "the tokenized preference format (prompt_ids, chosen_ids, rejected_ids)", "prompt_ids", "chosen_ids", "rejected_ids")
{
    internal override bool Recognises(JsonElement row) => row.Has("chosen_ids") || row.Has("rejected_ids");

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (TokenIds.Read(row, "prompt_ids", notes) is not { } prompt) return null;
        if (TokenIds.Read(row, "chosen_ids", notes) is not { } chosen) return null;
        if (TokenIds.Read(row, "rejected_ids", notes) is not { } rejected) return null;
        return chosen.AsSpan().SequenceEqual(rejected)
            ? notes.Fail<TrainingRow>("rejected_ids", MessageReader.Identical("chosen_ids"))
            : new TokenRow(notes.Row, Kind, prompt, [chosen, rejected]);
    }
}
