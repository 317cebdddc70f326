using System.Text.Json;

namespace TrainingService.Datasets.Formats.Tokenized;

/// <summary>
/// Whole sequences as token ids: <c>input_ids</c> and, where not every token is trained, <c>labels</c>: the same ids, or
/// −100 where the loss does not count the token.
/// </summary>
internal sealed class TokenizedSequenceShape() : RowShape("tokenized_sequence", RowKind.Supervised,
    "the tokenized sequence format (input_ids, labels)", "input_ids", "labels")
{
    private const int Ignored = -100;

    internal override bool Recognises(JsonElement row) => row.Has("input_ids");

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (TokenIds.Read(row, "input_ids", notes) is not { } ids) return null;
        var whole = new TokenRow(notes.Row, Kind, [], [ids]);
        if (!row.Has("labels")) return whole;
        JsonElement labels = row.GetProperty("labels");
        if (labels.ValueKind != JsonValueKind.Array || labels.GetArrayLength() != ids.Length)
            return notes.Fail<TrainingRow>("labels", $"A list as long as 'input_ids' is expected: {ids.Length} numbers.");
        var trained = new bool[ids.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            if (labels[i].ValueKind != JsonValueKind.Number || !labels[i].TryGetInt32(out int label) || (label != Ignored && label != ids[i]))
                return notes.Fail<TrainingRow>($"labels[{i}]", $"A label is the token's own id ({ids[i]}), or {Ignored} where the token is not trained.");
            trained[i] = label != Ignored;
        }
        return whole with { Trained = trained };
    }
}
