using System.Text.Json;
using TrainingService.Datasets.Formats.Trl;

namespace TrainingService.Datasets.Formats;

/// <summary>
/// HH-RLHF's transcripts (Bai et al., 2022, arXiv 2204.05862): <c>chosen</c> and <c>rejected</c> are texts of turns that
/// begin with "\n\nHuman:" and "\n\nAssistant:". They become conversations, and the turns that both begin with the prompt. TRL
/// trains on them as plain texts, which a column mapping of <c>chosen</c> and <c>rejected</c> asks for.
/// </summary>
internal sealed class HhTranscriptShape() : RowShape("hh_rlhf", RowKind.Preference,
    "HH-RLHF's format (chosen and rejected as transcripts of Human and Assistant)", "chosen", "rejected")
{
    private const string Human = "\n\nHuman:", Assistant = "\n\nAssistant:";

    internal override bool IsSeenInTexts => true;

    internal override bool Recognises(JsonElement row) =>
        !row.Has("prompt") && (IsTranscript(row, "chosen") || IsTranscript(row, "rejected"));

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (ReadTurns(row, "chosen", notes) is not { } chosen) return null;
        if (ReadTurns(row, "rejected", notes) is not { } rejected) return null;
        int shared = 0, shorter = Math.Min(chosen.Count, rejected.Count);
        while (shared < shorter - 1 && IsSame(chosen[shared], rejected[shared])) shared++;
        if (shared == 0)
            return notes.Fail<TrainingRow>("chosen", "There is no prompt: chosen and rejected differ from their first turn on.");
        foreach ((string field, List<ChatMessage> turns) in new[] { ("chosen", chosen), ("rejected", rejected) })
        {
            if (turns[^1].Role != ChatMessage.Assistant)
                return notes.Fail<TrainingRow>(field, "The transcript ends with a turn of the human; end it with the assistant's answer.");
            if (turns[shared].Role != ChatMessage.Assistant)
                return notes.Fail<TrainingRow>(field, "The transcripts part at a turn of the human; they must be the same up to an answer of the assistant.");
        }
        if (chosen[^1].Content is "" || rejected[^1].Content is "")
            return new LeftOutRow(notes.Row, Kind, "An answer of the transcripts is empty.");
        if (chosen.Count == rejected.Count && IsSame(chosen[^1], rejected[^1]) && shared == shorter - 1)
            return new LeftOutRow(notes.Row, Kind, "Both transcripts are the same.");
        return new ConversationRow(notes.Row, Kind, chosen[..shared], [chosen[shared..], rejected[shared..]]);
    }

    private static bool IsTranscript(JsonElement row, string field) =>
        row.Has(field, JsonValueKind.String) && row.GetProperty(field).GetString()!.AsSpan().TrimStart() is var text
        && (text.StartsWith("Human:", StringComparison.Ordinal) || text.StartsWith("Assistant:", StringComparison.Ordinal));

    private static List<ChatMessage>? ReadTurns(JsonElement row, string field, RowNotes notes)
    {
        if (TrlRow.ReadText(row, field, notes) is not { } text) return null;
        text = "\n\n" + text.TrimStart();
        var turns = new List<ChatMessage>();
        for (int at = 0; at < text.Length;)
        {
            string marker = text.AsSpan(at).StartsWith(Human) ? Human : text.AsSpan(at).StartsWith(Assistant) ? Assistant : "";
            if (marker.Length == 0) return notes.Fail<List<ChatMessage>>(field, "The other answer is a transcript, but this does not begin with \"Human:\".");
            int from = at + marker.Length;
            at = NextMarker(text, from);
            turns.Add(new ChatMessage(marker == Human ? "user" : ChatMessage.Assistant, text[from..at].Trim()));
        }
        return turns;
    }

    private static int NextMarker(string text, int from)
    {
        int human = text.IndexOf(Human, from, StringComparison.Ordinal), assistant = text.IndexOf(Assistant, from, StringComparison.Ordinal);
        return human < 0 && assistant < 0 ? text.Length : human < 0 ? assistant : assistant < 0 ? human : Math.Min(human, assistant);
    }

    private static bool IsSame(ChatMessage one, ChatMessage other) => one.Role == other.Role && one.Content == other.Content;
}
