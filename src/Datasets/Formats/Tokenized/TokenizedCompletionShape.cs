using System.Text.Json;

namespace TrainingService.Datasets.Formats.Tokenized;

/// <summary>A prompt and one completion as token ids: <c>prompt_ids</c>, <c>completion_ids</c> and, for KTO, <c>label</c>.</summary>
internal sealed class TokenizedCompletionShape(bool labelled) : RowShape(
    labelled ? "tokenized_unpaired" : "tokenized_prompt_completion", labelled ? RowKind.Labelled : RowKind.Supervised,
    labelled ? "the tokenized unpaired format (prompt_ids, completion_ids, label)" : "the tokenized prompt–completion format (prompt_ids, completion_ids)",
    labelled ? ["prompt_ids", "completion_ids", "label"] : ["prompt_ids", "completion_ids"])
{
    internal override bool Recognises(JsonElement row) => row.Has("completion_ids") && labelled == row.Has("label");

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (TokenIds.Read(row, "prompt_ids", notes) is not { } prompt) return null;
        if (TokenIds.Read(row, "completion_ids", notes) is not { } completion) return null;
        bool? label = labelled ? LabelReader.Read(row, "label", notes) : false;
        return label is null ? null : new TokenRow(notes.Row, Kind, prompt, [completion]) { Label = label.Value };
    }
}
