using System.Text.Json;

namespace TrainingService.Datasets.Formats.Scored;

/// <summary>distilabel's rated generations: <c>instruction</c>, <c>generations</c> and <c>ratings</c>, of which the best is preferred to the worst.</summary>
internal sealed class DistilabelRatingsShape() : RowShape("distilabel_ratings", RowKind.Preference,
    "distilabel's rated generations (instruction, generations, ratings)",
    [.. InstructionPrompt.Fields, .. InstructionPrompt.SystemFields, "generations", "ratings", "rating"])
{
    internal override bool Recognises(JsonElement row) =>
        row.Has("generations", JsonValueKind.Array) && row.FirstOf("ratings", "rating") is not null && row.FirstOf("chosen", "rejected") is null;

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (InstructionPrompt.Read(row, notes) is not { } prompt) return null;
        JsonElement generations = row.GetProperty("generations");
        string field = row.FirstOf("ratings", "rating")!;
        JsonElement ratings = row.GetProperty(field);
        if (ratings.ValueKind != JsonValueKind.Array || ratings.GetArrayLength() != generations.GetArrayLength())
            return notes.Fail<TrainingRow>(field, $"A list of one rating for each of the {generations.GetArrayLength()} generations is expected.");
        var answers = new List<(string, double)>();
        for (int i = 0; i < generations.GetArrayLength(); i++)
        {
            // A model that failed to answer leaves null.
            if (generations[i].ValueKind == JsonValueKind.Null) continue;
            if (generations[i].ValueKind != JsonValueKind.String) return notes.Fail<TrainingRow>($"generations[{i}]", $"A text is expected, not {Json.Kind(generations[i])}.");
            string text = generations[i].GetString()!;
            if (text.Contains('\0')) return notes.Fail<TrainingRow>($"generations[{i}]", MessageReader.HoldsNul);
            if (text.Length > 0 && ScoredAnswers.ScoreOf(ratings[i]) is { } score) answers.Add((text, score));
        }
        return ScoredAnswers.BestAgainstWorst(notes.Row, prompt, answers);
    }
}
