using System.Text.Json;
using TrainingService.Datasets.Formats.Trl;

namespace TrainingService.Datasets.Formats.Scored;

/// <summary>
/// UltraFeedback's rows (Cui et al., 2023, arXiv 2310.01377): an <c>instruction</c> and scored <c>completions</c>, of which
/// the best is preferred to the worst.
/// </summary>
internal sealed class UltraFeedbackShape() : RowShape("ultrafeedback", RowKind.Preference,
    "UltraFeedback's format (instruction, completions with response and overall_score)", "instruction", "completions")
{
    internal override bool Recognises(JsonElement row) =>
        row.Has("instruction") && row.TryGetProperty("completions", out JsonElement completions) && completions.ValueKind == JsonValueKind.Array;

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (TrlRow.ReadText(row, "instruction", notes) is not { } instruction) return null;
        var answers = new List<(string, double)>();
        int i = 0;
        foreach (JsonElement completion in row.GetProperty("completions").EnumerateArray())
        {
            string path = $"completions[{i++}]";
            if (completion.ValueKind != JsonValueKind.Object || !completion.Has("response", JsonValueKind.String))
                return notes.Fail<TrainingRow>(path + ".response", "A completion with a text as 'response' is expected.");
            string response = completion.GetProperty("response").GetString()!;
            if (response.Contains('\0')) return notes.Fail<TrainingRow>(path + ".response", MessageReader.HoldsNul);
            if (response.Length > 0 && ScoreOf(completion) is { } score) answers.Add((response, score));
        }
        return ScoredAnswers.BestAgainstWorst(notes.Row, [new("user", instruction)], answers);
    }

    // The overall score, or else the mean of the single aspects, as the dataset itself makes its fine-grained score.
    private static double? ScoreOf(JsonElement completion)
    {
        if (ScoredAnswers.ScoreOf(completion, "overall_score", "fine-grained_score", "fine_grained_score") is { } score) return score;
        if (completion.Has("annotations", JsonValueKind.Object))
            return Mean(completion.GetProperty("annotations").EnumerateObject().Select(a => a.Value.ValueKind == JsonValueKind.Object ? ScoredAnswers.ScoreOf(a.Value, "Rating", "rating") : null));
        return completion.Has("ratings", JsonValueKind.Array) ? Mean(completion.GetProperty("ratings").EnumerateArray().Select(ScoredAnswers.ScoreOf)) : null;
    }

    private static double? Mean(IEnumerable<double?> scores) => scores.ToList() is { Count: > 0 } all && all.TrueForAll(s => s is not null) ? all.Average() : null;
}
