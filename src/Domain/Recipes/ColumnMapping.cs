using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrainingService.Domain.Recipes;

/// <summary>
/// Which column of a training file stands for which of our fields, for files whose own names say nothing or mislead.
/// Only the columns that it names are read.
/// </summary>
/// <param name="Columns">The file's column by our field.</param>
public sealed record ColumnMapping(IReadOnlyDictionary<string, string> Columns)
{
    /// <summary>The fields that a column may stand for; together they must make up a row of a known shape.</summary>
    public static IReadOnlyList<string> Fields { get; } =
    [
        "prompt", "chosen", "rejected", "completion", "label", "messages", "text", "tools", "chat_template_kwargs",
        "instruction", "input", "output", "system", "history", "generations", "ratings", "score_chosen", "score_rejected",
        "prompt_ids", "chosen_ids", "rejected_ids", "completion_ids", "input_ids", "labels",
    ];

    // Each of these makes a row of one kind; without any of them there is nothing to learn.
    private static readonly string[][] s_complete =
        [["chosen", "rejected"], ["completion", "prompt"], ["messages"], ["text"], ["instruction", "output"], ["generations", "ratings"],
         ["prompt_ids", "chosen_ids", "rejected_ids"], ["prompt_ids", "completion_ids"], ["input_ids"]];

    private static readonly string[] s_optional = ["tools", "chat_template_kwargs", "input", "system", "history", "score_chosen", "score_rejected", "labels"];

    /// <summary>Whether a row may lack the field.</summary>
    public static bool IsOptional(string field) => s_optional.Contains(field);

    /// <summary>Reads a mapping such as <c>{"prompt": "question", "chosen": "good", "rejected": "bad"}</c>.</summary>
    /// <param name="given">The value of the request's field.</param>
    /// <param name="path">The field's path, for the problems.</param>
    /// <returns>The mapping, or null with what is wrong with it.</returns>
    public static (ColumnMapping? Mapping, IReadOnlyList<RecipeProblem> Problems) Read(JsonElement given, string path)
    {
        if (given.ValueKind != JsonValueKind.Object)
            return (null, [new(path, $"{path} must be an object such as {{\"prompt\": \"question\", \"chosen\": \"good\", \"rejected\": \"bad\"}}.")]);
        List<RecipeProblem> problems = [];
        OrderedDictionary<string, string> columns = [];
        foreach (JsonProperty property in given.EnumerateObject())
        {
            if (problems.Count >= RecipeProblem.Most) break;
            string field = property.Name, fieldPath = $"{path}.{field}";
            if (!Fields.Contains(field))
                problems.Add(new(fieldPath, $"{fieldPath} is not a field of a training row{(WireNames.Nearest(field, Fields) is { } near ? $"; did you mean '{near}'?" : ".")} The fields are {string.Join(", ", Fields)}."));
            else if (property.Value.ValueKind != JsonValueKind.String || property.Value.GetString() is not { Length: > 0 } column)
                problems.Add(new(fieldPath, $"{fieldPath} must be the name of a column of the file, as a text."));
            else columns[field] = column;
        }
        if (problems.Count == 0 && !s_complete.Any(fields => fields.All(columns.ContainsKey)))
            problems.Add(new(path, $"{path} does not make up a row: it needs {string.Join(", or ", s_complete.Select(fields => string.Join(" and ", fields)))}."));
        return problems.Count > 0 ? (null, problems) : (new(columns), []);
    }

    /// <summary>The mapping as <see cref="Read"/> takes it.</summary>
    public JsonObject Write() => new(Columns.Select(c => KeyValuePair.Create(c.Key, (JsonNode?)c.Value)));
}
