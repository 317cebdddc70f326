using System.Text.Json;
using TrainingService.Domain.Errors;
using TrainingService.Domain.Recipes;

namespace TrainingService.Api.FineTuning;

/// <summary>
/// Reads a job's request exactly: every problem is told, at once, and no field is ignored, since a mistyped setting that
/// silently keeps its default costs hours of training.
/// </summary>
internal sealed class CreateJobReader
{
    private static readonly string[] s_fields =
        ["model", "training_file", "validation_file", "method", "suffix", "seed", "metadata", "integrations"];

    private readonly List<RecipeProblem> _problems = [];

    private CreateJobReader() { }

    /// <summary>The request and the resolved recipe; both are whole only when there are no problems.</summary>
    public static (CreateJobRequest Request, TrainingRecipe Recipe, IReadOnlyList<RecipeProblem> Problems) Read(JsonElement body)
    {
        var reader = new CreateJobReader();
        CreateJobRequest request = reader.ReadRequest(body);
        (TrainingRecipe recipe, IReadOnlyList<RecipeProblem> problems) =
            RecipeJson.Read(request.Method.Dpo?.Hyperparameters, request.Method.Dpo?.Lora, request.Seed ?? new TrainingRecipe().Seed);
        reader._problems.AddRange(problems);
        return (request, reader.ResolveEvaluation(recipe, request), reader._problems);
    }

    private CreateJobRequest ReadRequest(JsonElement body)
    {
        if (!RequireObject(body, "", "The request's body")) return new() { Model = "", TrainingFile = "", Method = new() { Type = "" } };
        if (body.TryGetProperty("hyperparameters", out JsonElement old) && old.ValueKind != JsonValueKind.Null)
            Add("hyperparameters", "hyperparameters at the top are OpenAI's old place for them; move them to method.dpo.hyperparameters.");
        RefuseUnknown(body, "", [.. s_fields, "hyperparameters"]);
        return new()
        {
            Model = RequiredText(body, "model", "the id of a model that GET /v1/models lists"),
            TrainingFile = RequiredText(body, "training_file", "the id of a file uploaded with purpose fine-tune"),
            ValidationFile = Text(body, "validation_file", "the id of a file uploaded with purpose fine-tune, or null", 1, int.MaxValue),
            Suffix = Text(body, "suffix", "text of 1 to 64 characters, or null", 1, 64),
            Seed = ReadSeed(body),
            Metadata = ReadMetadata(body),
            Integrations = ReadIntegrations(body),
            Method = ReadMethod(body),
        };
    }

    private CreateJobMethod ReadMethod(JsonElement body)
    {
        const string Example = "{\"type\": \"dpo\"}";
        if (!TryGet(body, "method", out JsonElement method))
        {
            Add("method", $"method is missing. OpenAI's default is supervised fine-tuning, which this service does not do: it trains on preferences; add \"method\": {Example}.");
            return new() { Type = "" };
        }
        if (!RequireObject(method, "method", "method")) return new() { Type = "" };
        RefuseUnknown(method, "method", ["type", "dpo", "supervised", "reinforcement"]);
        string type = method.TryGetProperty("type", out JsonElement given) && given.ValueKind == JsonValueKind.String ? given.GetString()! : "";
        if (type is "supervised" or "reinforcement")
            Add("method.type", $"method.type is \"{type}\", which is not available here: this service trains by direct preference optimisation. Use {Example}.");
        else if (type != "dpo")
            Add("method.type", $"method.type is {(given.ValueKind == JsonValueKind.Undefined ? "missing" : Shown(given))}; it must be \"dpo\".");
        else
            foreach (string other in new[] { "supervised", "reinforcement" })
                if (TryGet(method, other, out _))
                    Add($"method.{other}", $"method.{other} has no effect with method.type \"dpo\"; leave it out.");
        return new() { Type = type, Dpo = ReadDpo(method) };
    }

    private CreateJobDpo? ReadDpo(JsonElement method)
    {
        if (!TryGet(method, "dpo", out JsonElement dpo) || !RequireObject(dpo, "method.dpo", "method.dpo")) return null;
        RefuseUnknown(dpo, "method.dpo", ["hyperparameters", "lora"]);
        return new()
        {
            Hyperparameters = dpo.TryGetProperty("hyperparameters", out JsonElement hyperparameters) ? hyperparameters : null,
            Lora = dpo.TryGetProperty("lora", out JsonElement lora) ? lora : null,
        };
    }

    private int? ReadSeed(JsonElement body)
    {
        if (!TryGet(body, "seed", out JsonElement seed)) return null;
        // Some SDKs send every number as a double: 7.0 is a whole number too.
        if (seed.ValueKind == JsonValueKind.Number && seed.TryGetDouble(out double value) && value is >= 0 and <= int.MaxValue && value == Math.Floor(value))
            return (int)value;
        Add("seed", $"seed is {Shown(seed)}; it must be a whole number from 0 to {int.MaxValue}, or null.");
        return null;
    }

    private Dictionary<string, string>? ReadMetadata(JsonElement body)
    {
        if (!TryGet(body, "metadata", out JsonElement metadata) || !RequireObject(metadata, "metadata", "metadata")) return null;
        var read = new Dictionary<string, string>();
        foreach (JsonProperty entry in metadata.EnumerateObject())
        {
            if (entry.Name.Length is 0 or > 64)
                Add("metadata", $"metadata has the key {Shown(entry.Name)} of {entry.Name.Length} characters; a key has 1 to 64.");
            else if (entry.Value.ValueKind != JsonValueKind.String)
                Add($"metadata.{entry.Name}", $"metadata.{entry.Name} is {Shown(entry.Value)}; it must be text.");
            else if (entry.Value.GetString()!.Length > 512)
                Add($"metadata.{entry.Name}", $"metadata.{entry.Name} has {entry.Value.GetString()!.Length} characters; at most 512 are kept.");
            else
                read[entry.Name] = entry.Value.GetString()!;
        }
        if (metadata.EnumerateObject().Count() is > 16 and int count)
            Add("metadata", $"metadata has {count} keys; at most 16 are kept.");
        return read;
    }

    private string[]? ReadIntegrations(JsonElement body)
    {
        if (!TryGet(body, "integrations", out JsonElement integrations)) return null;
        if (integrations.ValueKind != JsonValueKind.Array || integrations.GetArrayLength() > 0)
            Add("integrations", "integrations are not available here; leave them out, or give null or an empty list.");
        return [];
    }

    private TrainingRecipe ResolveEvaluation(TrainingRecipe recipe, CreateJobRequest request)
    {
        IntervalStrategy strategy = recipe.EvalStrategy ?? (request.ValidationFile is null ? IntervalStrategy.No : IntervalStrategy.Epoch);
        if (strategy != IntervalStrategy.No && request.ValidationFile is null)
            Add($"{RecipeJson.HyperparametersParam}.eval_strategy", $"eval_strategy is \"{WireNames.Of(strategy)}\" but there is no validation_file to evaluate; give one, or leave eval_strategy out.");
        return recipe with
        {
            EvalStrategy = strategy,
            EvalSteps = strategy == IntervalStrategy.Steps ? recipe.EvalSteps ?? recipe.LoggingSteps : recipe.EvalSteps,
        };
    }

    private string RequiredText(JsonElement body, string name, string expected)
    {
        if (body.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null)
            return Text(body, name, expected, 1, int.MaxValue) ?? "";
        Add(name, $"{name} is missing; give {expected}.");
        return "";
    }

    private string? Text(JsonElement body, string name, string expected, int shortest, int longest)
    {
        if (!TryGet(body, name, out JsonElement value)) return null;
        if (value.ValueKind == JsonValueKind.String && value.GetString() is { } text && text.Length >= shortest && text.Length <= longest) return text;
        Add(name, $"{name} is {Shown(value)}; it must be {expected}.");
        return null;
    }

    private bool RequireObject(JsonElement element, string param, string name)
    {
        if (element.ValueKind == JsonValueKind.Object) return true;
        Add(param, $"{name} is {Shown(element)}; it must be a JSON object.");
        return false;
    }

    private void RefuseUnknown(JsonElement element, string path, string[] known)
    {
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (known.Contains(property.Name)) continue;
            string param = path.Length == 0 ? property.Name : $"{path}.{property.Name}";
            string hint = RecipeJson.HomeOf(property.Name) is { } home ? $"It belongs in {home}."
                : WireNames.Nearest(property.Name, known) is { } nearest ? $"Did you mean '{nearest}'?"
                : $"Known are {string.Join(", ", known)}.";
            Add(param, $"{(path.Length == 0 ? "The request" : path)} has no field {Shown(property.Name)}. {hint}");
        }
    }

    private void Add(string param, string message) => _problems.Add(new(param, message));

    private static bool TryGet(JsonElement element, string name, out JsonElement value) =>
        element.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    private static string Shown(JsonElement value) => Excerpt.Of(value.GetRawText());

    private static string Shown(string name) => $"'{Excerpt.Of(name)}'";
}
