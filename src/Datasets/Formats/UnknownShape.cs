using System.Text.Json;

namespace TrainingService.Datasets.Formats;

/// <summary>Says why a row has no known shape, and notes whether a column mapping may help it.</summary>
internal static class UnknownShape
{
    private const int ToldFields = 12;

    private static readonly string[] s_promptFields = ["prompt", "tools", "chat_template_kwargs"];

    public static void Note(JsonElement row, RowNotes notes)
    {
        string[] names = [.. row.EnumerateObject().Select(p => p.Name)];
        if (names.Length == 0)
            notes.Fail("", "The row has no fields.");
        else if (row.Has("completions") && row.Has("labels"))
            notes.Fail("completions", "The row judges single steps ('completions' with 'labels'), which no method here trains on. Give whole completions as 'prompt', 'completion' and 'label'.");
        else if (names.All(s_promptFields.Contains))
            notes.Fail("prompt", "The row has a prompt alone, and nothing to learn from: add 'chosen' and 'rejected', or 'completion'.");
        else
            notes.FailUnrecognised(
                $"The row has the fields {Json.Names(names)}. A row needs 'prompt', 'chosen' and 'rejected', or 'prompt' and 'completion' (with a 'label' for KTO), or 'messages'; rows in other fields need a column mapping in the job.");
    }
}
