using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Domain.Errors;

namespace TrainingService.Domain.Recipes;

/// <summary>Reads a recipe from a request's <c>method.dpo</c> and writes a resolved one into a job's record.</summary>
public static class RecipeJson
{
    /// <summary>Path of the hyperparameters in a request.</summary>
    public const string HyperparametersParam = "method.dpo.hyperparameters";

    /// <summary>Path of the adapter's settings in a request.</summary>
    public const string LoraParam = "method.dpo.lora";

    // PEFT settings people will try: the answer says what to do rather than that they are unknown.
    private static readonly Dictionary<string, string> s_refusedLora = new()
    {
        ["use_dora"] = "DoRA is not supported; leave use_dora out or set it to false",
        ["modules_to_save"] = "Training whole modules beside the adapter is not supported; leave modules_to_save out or set it to null",
        ["init_lora_weights"] = "Only PEFT's default initialisation is supported; leave init_lora_weights out or set it to true",
    };

    /// <summary>Reads both objects; absent fields and <c>"auto"</c> keep the defaults. All problems are told at once.</summary>
    /// <param name="hyperparameters">The object <c>method.dpo.hyperparameters</c>, or null.</param>
    /// <param name="lora">The object <c>method.dpo.lora</c>, or null.</param>
    /// <param name="seed">The job's seed.</param>
    /// <exception cref="InvalidOperationException">A name or a text holds half a surrogate pair, so it is no text.</exception>
    public static (TrainingRecipe Recipe, IReadOnlyList<RecipeProblem> Problems) Read(JsonElement? hyperparameters, JsonElement? lora, int seed)
    {
        var problems = new List<RecipeProblem>();
        TrainingRecipe recipe = ReadObject(new TrainingRecipe { Seed = seed }, hyperparameters, HyperparametersParam, RecipeFields.Hyperparameters, [], problems);
        recipe = ReadObject(recipe, lora, LoraParam, RecipeFields.Lora, s_refusedLora, problems);
        if (hyperparameters is { ValueKind: JsonValueKind.Object } h && IsGiven(h, "learning_rate") && IsGiven(h, "learning_rate_multiplier"))
            problems.Add(new($"{HyperparametersParam}.learning_rate_multiplier", "Give learning_rate or learning_rate_multiplier, not both."));
        if (problems.Count == 0)
            problems.AddRange(RecipeRules.Check(recipe));
        return (recipe, problems);
    }

    /// <summary>The resolved recipe as <c>{"hyperparameters": {…}, "lora": {…}}</c>; reading it again gives the same recipe.</summary>
    public static JsonObject Write(TrainingRecipe recipe) => new()
    {
        ["hyperparameters"] = Fields(RecipeFields.Hyperparameters, recipe),
        ["lora"] = Fields(RecipeFields.Lora, recipe),
    };

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="InvalidOperationException">The text is not a recipe that <see cref="Write"/> wrote.</exception>
    public static TrainingRecipe ReadResolved(JsonElement method, int seed)
    {
        TrainingRecipe recipe = new() { Seed = seed };
        foreach ((string name, IReadOnlyList<RecipeField> fields) in new[] { ("hyperparameters", RecipeFields.Hyperparameters), ("lora", RecipeFields.Lora) })
            foreach (RecipeField field in fields.Where(f => f.Name != "learning_rate_multiplier"))
                if (method.GetProperty(name).TryGetProperty(field.Name, out JsonElement value) && !(field.Name == "eval_strategy" && value.ValueKind == JsonValueKind.Null))
                    recipe = field.Read(recipe, value) ?? throw new InvalidOperationException($"The stored recipe's {field.Name} is {value.GetRawText()}; allowed is {field.Allowed}.");
        return recipe;
    }

    /// <summary>The object of a request that a setting belongs in, or null when there is no setting of this name.</summary>
    public static string? HomeOf(string name) =>
        RecipeFields.Hyperparameters.Any(f => f.Name == name) ? HyperparametersParam
        : RecipeFields.Lora.Any(f => f.Name == name) || s_refusedLora.ContainsKey(name) ? LoraParam
        : null;

    private static JsonObject Fields(IReadOnlyList<RecipeField> fields, TrainingRecipe recipe) =>
        new(fields.Select(f => KeyValuePair.Create(f.Name, f.Write(recipe))));

    private static TrainingRecipe ReadObject(TrainingRecipe recipe, JsonElement? element, string path, IReadOnlyList<RecipeField> fields, Dictionary<string, string> refused, List<RecipeProblem> problems)
    {
        if (element is not { } given || given.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined) return recipe;
        if (given.ValueKind != JsonValueKind.Object)
        {
            problems.Add(new(path, $"{path} is {Excerpt.Of(given.GetRawText())}; it must be an object of settings."));
            return recipe;
        }
        foreach (JsonProperty property in given.EnumerateObject())
        {
            string param = $"{path}.{property.Name}";
            if (fields.FirstOrDefault(f => f.Name == property.Name) is not { } field)
            {
                if (refused.TryGetValue(property.Name, out string? reason))
                {
                    if (!IsDefault(property)) problems.Add(new(param, reason + "."));
                }
                else problems.Add(new(param, Unknown(property.Name, path, fields)));
            }
            else if (property.Value.ValueKind == JsonValueKind.String && property.Value.GetString() == "auto") continue;
            else if (field.Read(recipe, property.Value) is { } read) recipe = read;
            else problems.Add(new(param, $"{field.Name} is {Excerpt.Of(property.Value.GetRawText())}; it must be {field.Allowed}, or \"auto\"."));
        }
        return recipe;
    }

    private static bool IsGiven(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && !(value.ValueKind == JsonValueKind.String && value.GetString() == "auto");

    private static bool IsDefault(JsonProperty property) => property.Value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.False => property.Name == "use_dora",
        JsonValueKind.True => property.Name == "init_lora_weights",
        JsonValueKind.Array => property.Name == "modules_to_save" && property.Value.GetArrayLength() == 0,
        JsonValueKind.String => property.Value.GetString() == "auto",
        _ => false,
    };

    private static string Unknown(string name, string path, IReadOnlyList<RecipeField> fields)
    {
        string hint = HomeOf(name) is { } home ? $"It belongs in {home}."
            : WireNames.Nearest(name, fields.Select(f => f.Name)) is { } nearest ? $"Did you mean '{nearest}'?"
            : $"It knows {string.Join(", ", fields.Select(f => f.Name))}.";
        return $"{path} has no setting '{Excerpt.Of(name)}'. {hint}";
    }
}
