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
    private const string Hyperparameters = "hyperparameters";
    private const string Lora = "lora";
    private const string Columns = "columns";
    private const string Reinforcement = "reinforcement";

    private static readonly string[] s_fields =
        ["model", "training_file", "validation_file", "method", "suffix", "seed", "metadata", "integrations", Hyperparameters];

    private static readonly IReadOnlyList<string> s_methods = WireNames.All<TrainingMethod>();

    private readonly List<RecipeProblem> _problems = [];
    private TrainingMethod _method;
    private JsonElement? _hyperparameters, _lora, _columns;
    private bool _hasOldPlace;

    private CreateJobReader() { }

    /// <summary>The request and the resolved recipe; both are whole only when there are no problems.</summary>
    public static (CreateJobRequest Request, TrainingRecipe Recipe, IReadOnlyList<RecipeProblem> Problems) Read(JsonElement body)
    {
        var reader = new CreateJobReader();
        CreateJobRequest request = reader.ReadRequest(body);
        (TrainingRecipe recipe, IReadOnlyList<RecipeProblem> problems) = RecipeJson.Read(
            reader._method, reader._hyperparameters, reader._lora, reader._columns, request.Seed ?? new TrainingRecipe().Seed, request.ValidationFile is not null);
        // Told where the client has them.
        string place = RecipeJson.HyperparametersParam(reader._method);
        reader._problems.AddRange(reader._hasOldPlace ? problems.Select(p => new RecipeProblem(Here(p.Param), Here(p.Message))) : problems);
        return (request, recipe, reader._problems);

        string Here(string text) => text.Replace(place, Hyperparameters, StringComparison.Ordinal);
    }

    private CreateJobRequest ReadRequest(JsonElement body)
    {
        if (!RequireObject(body, "", "The request's body")) return new() { Model = "", TrainingFile = "" };
        RefuseUnknown(body, "", s_fields);
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

    private CreateJobMethod? ReadMethod(JsonElement body)
    {
        bool isGivenAtTop = TryGet(body, Hyperparameters, out JsonElement old);
        if (!TryGet(body, "method", out JsonElement method))
        {
            _method = TrainingMethod.Supervised;
            if (isGivenAtTop) (_hyperparameters, _hasOldPlace) = (old, true);
            return null;
        }
        if (isGivenAtTop) Add(Hyperparameters, "hyperparameters at the top are OpenAI's old place for them; move them into method.");
        if (!RequireObject(method, "method", "method")) return null;
        RefuseUnknown(method, "method", ["type", .. s_methods, Reinforcement]);
        string type = method.TryGetProperty("type", out JsonElement given) && given.ValueKind == JsonValueKind.String ? given.GetString()! : "";
        if (WireNames.Parse<TrainingMethod>(type) is not { } known)
        {
            Add("method.type", $"method.type is {(given.ValueKind == JsonValueKind.Undefined ? "missing" : Shown(given))}; it must be one of {string.Join(", ", s_methods)}.");
            return null;
        }
        _method = known;
        foreach (string other in s_methods.Append(Reinforcement).Where(m => m != type))
            if (TryGet(method, other, out _))
                Add($"method.{other}", $"method.{other} has no effect with method.type \"{type}\"; leave it out.");
        ReadSettings(method, type);
        return new() { Type = type, GivenLora = [.. RecipeJson.GivenNames(_lora)] };
    }

    private void ReadSettings(JsonElement method, string type)
    {
        string path = $"method.{type}";
        if (!TryGet(method, type, out JsonElement settings) || !RequireObject(settings, path, path)) return;
        RefuseUnknown(settings, path, [Hyperparameters, Lora, Columns]);
        if (settings.TryGetProperty(Hyperparameters, out JsonElement hyperparameters)) _hyperparameters = hyperparameters;
        if (settings.TryGetProperty(Lora, out JsonElement lora)) _lora = lora;
        if (settings.TryGetProperty(Columns, out JsonElement columns)) _columns = columns;
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
            if (_problems.Count >= RecipeProblem.Most) break;
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
            if (_problems.Count >= RecipeProblem.Most) return;
            string param = path.Length == 0 ? property.Name : $"{path}.{property.Name}";
            string hint = RecipeJson.HomeOf(_method, property.Name) is { } home ? $"It belongs in {home}."
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
