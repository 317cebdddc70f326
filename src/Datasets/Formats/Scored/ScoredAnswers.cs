using System.Globalization;
using System.Text.Json;

namespace TrainingService.Datasets.Formats.Scored;

/// <summary>Makes a pair of several scored answers: the best against the worst.</summary>
internal static class ScoredAnswers
{
    /// <summary>The pair; a row that is left out where no two usable answers differ in score.</summary>
    public static TrainingRow BestAgainstWorst(long row, IReadOnlyList<ChatMessage> prompt, IReadOnlyList<(string Text, double Score)> answers)
    {
        if (answers.Count < 2) return new LeftOutRow(row, RowKind.Preference, "Fewer than two of its answers have a text and a score.");
        (string Text, double Score) best = answers.MaxBy(a => a.Score), worst = answers.MinBy(a => a.Score);
        if (best.Score == worst.Score) return new LeftOutRow(row, RowKind.Preference, "All of its answers have the same score.");
        if (best.Text == worst.Text) return new LeftOutRow(row, RowKind.Preference, "Its best and its worst answer are the same text.");
        return new ConversationRow(row, RowKind.Preference, prompt, [[new(ChatMessage.Assistant, best.Text)], [new(ChatMessage.Assistant, worst.Text)]]);
    }

    /// <summary>A score as a number or as a text that holds one; null where there is none, as in "N/A".</summary>
    public static double? ScoreOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble(),
        JsonValueKind.String when double.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out double score) && double.IsFinite(score) => score,
        _ => null,
    };

    /// <summary>The score of a field; null where there is none.</summary>
    public static double? ScoreOf(JsonElement row, params ReadOnlySpan<string> fields) =>
        row.FirstOf(fields) is { } field ? ScoreOf(row.GetProperty(field)) : null;
}
