using System.Text.Json;
using TrainingService.Datasets.Formats.Trl;

namespace TrainingService.Datasets.Formats.LlamaFactory;

/// <summary>What LLaMA-Factory's alpaca rows have in common.</summary>
internal static class AlpacaRow
{
    /// <summary><c>system</c>, <c>history</c>, and <c>instruction</c> with <c>input</c> on a line of its own, as turns; null after a fault was noted.</summary>
    public static List<ChatMessage>? ReadPrompt(JsonElement row, RowNotes notes)
    {
        var turns = new List<ChatMessage>();
        if (!TryAddSystem(row, "system", turns, notes)) return null;
        if (row.Has("history") && !TryAddHistory(row.GetProperty("history"), turns, notes)) return null;
        if (TrlRow.ReadText(row, "instruction", notes) is not { } instruction) return null;
        if (!TryReadOptional(row, "input", notes, out string input)) return null;
        turns.Add(new ChatMessage("user", input.Length == 0 ? instruction : $"{instruction}\n{input}"));
        return turns;
    }

    /// <summary>Adds the system's turn of a field, where it has one.</summary>
    public static bool TryAddSystem(JsonElement row, string field, List<ChatMessage> turns, RowNotes notes)
    {
        if (!TryReadOptional(row, field, notes, out string system)) return false;
        if (system.Length > 0) turns.Add(new ChatMessage("system", system));
        return true;
    }

    private static bool TryReadOptional(JsonElement row, string field, RowNotes notes, out string text)
    {
        text = "";
        if (!row.Has(field) || row.GetProperty(field).ValueEquals("")) return true;
        if (TrlRow.ReadText(row, field, notes) is not { } read) return false;
        text = read;
        return true;
    }

    private static bool TryAddHistory(JsonElement history, List<ChatMessage> turns, RowNotes notes)
    {
        const string Expected = "The history must be a list of rounds, each a list of the human's and the assistant's text.";
        if (history.ValueKind != JsonValueKind.Array)
        {
            notes.Fail("history", Expected);
            return false;
        }
        int i = 0;
        foreach (JsonElement round in history.EnumerateArray())
        {
            if (round.ValueKind != JsonValueKind.Array || round.GetArrayLength() != 2 || round.EnumerateArray().Any(text => text.ValueKind != JsonValueKind.String))
            {
                notes.Fail($"history[{i}]", Expected);
                return false;
            }
            turns.Add(new ChatMessage("user", round[0].GetString()));
            turns.Add(new ChatMessage(ChatMessage.Assistant, round[1].GetString()));
            i++;
        }
        return true;
    }
}
