using System.Text.Json;
using TrainingService.Datasets.Formats.Trl;

namespace TrainingService.Datasets.Formats.Scored;

/// <summary>
/// Pairs whose prompt is text while the answers are lists of messages, as the binarized UltraFeedback and distilabel have
/// them: <c>chosen</c> and <c>rejected</c> begin with the prompt's turns, or with the answer. Scores may stand beside them.
/// </summary>
internal sealed class UltraFeedbackBinarizedShape() : RowShape("ultrafeedback_binarized", RowKind.Preference,
    "the binarized UltraFeedback format (prompt as text, chosen and rejected as lists of messages)", ["prompt", "chosen", "rejected", .. s_chosenScores, .. s_rejectedScores])
{
    private static readonly string[] s_chosenScores = ["score_chosen", "chosen_score", "chosen_rating", "chosen-rating"];
    private static readonly string[] s_rejectedScores = ["score_rejected", "rejected_score", "rejected_rating", "rejected-rating"];

    internal override bool Recognises(JsonElement row) =>
        row.Has("prompt", JsonValueKind.String) && (row.Has("chosen", JsonValueKind.Array) || row.Has("rejected", JsonValueKind.Array));

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (TrlRow.ReadText(row, "prompt", notes) is not { } prompt) return null;
        if (MessageReader.Read(row, "chosen", "chosen", notes) is not { } chosen) return null;
        if (MessageReader.Read(row, "rejected", "rejected", notes) is not { } rejected) return null;
        JsonElement chosenTurns = row.GetProperty("chosen"), rejectedTurns = row.GetProperty("rejected");
        if (JsonElement.DeepEquals(chosenTurns, rejectedTurns)) return new LeftOutRow(notes.Row, Kind, "Both of its answers are the same.");
        if (ScoredAnswers.ScoreOf(row, s_chosenScores) is { } better && ScoredAnswers.ScoreOf(row, s_rejectedScores) is { } worse)
        {
            if (better == worse) return new LeftOutRow(notes.Row, Kind, "Both of its answers have the same score.");
            if (better < worse) return notes.Fail<TrainingRow>(row.FirstOf(s_chosenScores)!, "The chosen answer has a lower score than the rejected one: exchange the answers or mend the scores.");
        }

        int shared = chosen[0].Role == ChatMessage.Assistant ? 0 : ImplicitPrompt.SharedTurns(chosenTurns, rejectedTurns);
        if (shared == 0 && chosen[0].Role != ChatMessage.Assistant)
            return notes.Fail<TrainingRow>("chosen", "Chosen and rejected differ from their first message on: begin both with the prompt, or with the assistant's answer.");
        if (!MessageReader.IsCompletion(chosen[shared..], "chosen", shared, notes) || !MessageReader.IsCompletion(rejected[shared..], "rejected", shared, notes)) return null;
        IReadOnlyList<ChatMessage> turns = shared == 0 ? [new("user", prompt)] : chosen[..shared];
        return MessageReader.EndsAsPrompt(turns[^1], $"chosen[{shared - 1}]", notes)
            ? new ConversationRow(notes.Row, Kind, turns, [chosen[shared..], rejected[shared..]]) : null;
    }
}
