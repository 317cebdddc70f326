using System.Text.Json;
using TrainingService.Datasets.Formats.LlamaFactory;
using TrainingService.Datasets.Formats.Trl;

namespace TrainingService.Datasets.Formats.Scored;

/// <summary>The prompt of Argilla's and distilabel's rows: an instruction under one of several names, after a system's message.</summary>
internal static class InstructionPrompt
{
    public static readonly string[] Fields = ["instruction", "input", "question", "prompt"];
    public static readonly string[] SystemFields = ["system", "system_prompt"];

    /// <summary>The turns; null after a fault was noted.</summary>
    public static List<ChatMessage>? Read(JsonElement row, RowNotes notes)
    {
        var turns = new List<ChatMessage>();
        if (row.FirstOf(SystemFields) is { } system && !AlpacaRow.TryAddSystem(row, system, turns, notes)) return null;
        if (TrlRow.ReadText(row, row.FirstOf(Fields) ?? Fields[0], notes) is not { } instruction) return null;
        turns.Add(new ChatMessage("user", instruction));
        return turns;
    }
}
