using System.Text.Json;

namespace TrainingService.Datasets.Formats;

/// <summary>One shape that the rows of a preference file may have. A new one is one class and a line in <see cref="All"/>.</summary>
internal abstract class RowShape
{
    /// <summary>Every known shape; a row is of the first that recognises it.</summary>
    public static IReadOnlyList<RowShape> All { get; } =
    [
        new OpenAIPreferenceShape(),
        new TrlMessagesShape(),
        new TrlImplicitMessagesShape(),
        new TrlTextShape(),
        new TrlImplicitTextShape(),
    ];

    public abstract PreferenceFormat Format { get; }

    /// <summary>The shape in words that go on from "a row of".</summary>
    public abstract string Description { get; }

    /// <summary>The fields that are read; others are only warned of.</summary>
    public abstract IReadOnlyList<string> Fields { get; }

    /// <summary>Whether a row means to be of this shape, however faulty.</summary>
    public abstract bool Recognises(JsonElement row);

    /// <summary>The row's pair; null after a fault was noted.</summary>
    public abstract PreferencePair? Read(JsonElement row, RowNotes notes);

    public static RowShape? Recognise(JsonElement row) => All.FirstOrDefault(shape => shape.Recognises(row));

    /// <summary>Says why a row has no known shape.</summary>
    public static string Unrecognised(JsonElement row)
    {
        string[] names = row.EnumerateObject().Select(p => $"'{p.Name}'").Take(12).ToArray();
        string given = names.Length == 0 ? "The row has no fields." : $"The row has the fields {string.Join(", ", names)}.";
        string hint =
            row.TryGetProperty("completion", out _) ? " Rows of a prompt with one completion are not preference pairs." :
            row.TryGetProperty("messages", out _) ? " Rows of messages alone are for supervised training, not preference pairs." : "";
        return $"{given} A preference row needs 'prompt', 'chosen' and 'rejected', or 'input', 'preferred_output' and 'non_preferred_output'.{hint}";
    }
}
