using System.Text.Json;

namespace TrainingService.Datasets.Formats.Trl;

/// <summary>TRL's language modelling rows: a <c>text</c> of which every token is trained.</summary>
internal sealed class TrlLanguageModelingShape() : RowShape("trl_language_modeling", RowKind.Supervised,
    "TRL's language modelling format (text)", "text")
{
    internal override bool Recognises(JsonElement row) => row.TryGetProperty("text", out _);

    internal override TrainingRow? Read(JsonElement row, RowNotes notes) =>
        TrlRow.ReadText(row, "text", notes) is { } text ? new TextRow(notes.Row, Kind, "", [text]) : null;
}
