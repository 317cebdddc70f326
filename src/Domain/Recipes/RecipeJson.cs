using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Domain.Errors;

namespace TrainingService.Domain.Recipes;

/// <summary>Reads a recipe from a request's <c>method.dpo</c>, or the like of another method, and writes a resolved one into a job's record.</summary>
public static class RecipeJson
{
    private const string Type = "type";
    private const string Columns = "columns";

    /// <summary>Path of a method's hyperparameters in a request.</summary>
    public static string HyperparametersParam(TrainingMethod method) => $"method.{WireNames.Of(method)}.hyperparameters";

    /// <summary>Path of a method's settings of the adapter in a request.</summary>
    public static string LoraParam(TrainingMethod method) => $"method.{WireNames.Of(method)}.lora";

    /// <summary>Path of a method's mapping of columns in a request.</summary>
    public static string ColumnsParam(TrainingMethod method) => $"method.{WireNames.Of(method)}.{Columns}";

    // PEFT settings people will try: the answer says what to do rather than that they are unknown.
    private static readonly Dictionary<string, string> s_refusedLora = new()
    {
        ["bias"] = "Biases are not trained; leave bias out or set it to \"none\"",
        ["lora_bias"] = "The adapter has no biases; leave lora_bias out or set it to false",
    };

    /// <summary>Reads both objects; absent fields and <c>"auto"</c> keep the defaults, and so does null where it is no value of the field's own. All problems are told at once.</summary>
    /// <param name="method">What is trained by.</param>
    /// <param name="hyperparameters">The method's object <c>hyperparameters</c>, or null.</param>
    /// <param name="lora">The method's object <c>lora</c>, or null.</param>
    /// <param name="columns">The method's object <c>columns</c>, or null.</param>
    /// <param name="seed">The job's seed.</param>
    /// <param name="hasValidationFile">Whether the job has a validation file.</param>
    /// <exception cref="InvalidOperationException">A name or a text holds half a surrogate pair, so it is no text.</exception>
    public static (TrainingRecipe Recipe, IReadOnlyList<RecipeProblem> Problems) Read(TrainingMethod method, JsonElement? hyperparameters, JsonElement? lora, JsonElement? columns, int seed, bool hasValidationFile)
    {
        var problems = new List<RecipeProblem>();
        TrainingRecipe recipe = ReadObject(new TrainingRecipe { Method = method, Seed = seed }, hyperparameters, HyperparametersParam(method), RecipeFields.Hyperparameters(method), [], problems);
        recipe = ReadObject(recipe, lora, LoraParam(method), RecipeFields.Lora, s_refusedLora, problems);
        if (columns is { ValueKind: not JsonValueKind.Null } given)
        {
            (ColumnMapping? mapping, IReadOnlyList<RecipeProblem> faults) = ColumnMapping.Read(given, ColumnsParam(method));
            recipe = recipe with { Columns = mapping };
            problems.AddRange(faults);
        }
        if (GivenNames(hyperparameters).Intersect(["learning_rate", "learning_rate_multiplier"]).Count() == 2)
            problems.Add(new($"{HyperparametersParam(method)}.learning_rate_multiplier", "Give learning_rate or learning_rate_multiplier, not both."));
        recipe = ResolveEvaluation(recipe, hasValidationFile, problems);
        if (problems.Count == 0)
            problems.AddRange(RecipeRules.Check(recipe));
        return (recipe, problems);
    }

    private static TrainingRecipe ResolveEvaluation(TrainingRecipe recipe, bool hasValidationFile, List<RecipeProblem> problems)
    {
        string path = HyperparametersParam(recipe.Method);
        if (hasValidationFile && recipe.ValidationSplit is not null)
            problems.Add(new($"{path}.validation_split", "validation_split splits off training rows, but there is a validation_file; give one of them."));
        bool canEvaluate = hasValidationFile || recipe.ValidationSplit is not null;
        IntervalStrategy strategy = recipe.EvalStrategy ?? (canEvaluate ? IntervalStrategy.Epoch : IntervalStrategy.No);
        if (strategy != IntervalStrategy.No && !canEvaluate)
            problems.Add(new($"{path}.eval_strategy", $"eval_strategy is \"{WireNames.Of(strategy)}\" but there is no validation_file to evaluate; give one or a validation_split, or leave eval_strategy out."));
        return recipe with
        {
            EvalStrategy = strategy,
            EvalSteps = strategy == IntervalStrategy.Steps ? recipe.EvalSteps ?? recipe.LoggingSteps : recipe.EvalSteps,
        };
    }

    /// <summary>The resolved recipe as <c>{"type": "dpo", "hyperparameters": {…}, "lora": {…}}</c>; reading it again gives the same recipe.</summary>
    public static JsonObject Write(TrainingRecipe recipe)
    {
        JsonObject written = new()
        {
            [Type] = WireNames.Of(recipe.Method),
            ["hyperparameters"] = Fields(RecipeFields.Hyperparameters(recipe.Method), recipe),
            ["lora"] = Fields(RecipeFields.Lora, recipe),
        };
        if (recipe.Columns is { } columns) written[Columns] = columns.Write();
        return written;
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="InvalidOperationException">The text is not a recipe that <see cref="Write"/> wrote.</exception>
    public static TrainingRecipe ReadResolved(JsonElement method, int seed)
    {
        TrainingMethod type = MethodOf(method);
        TrainingRecipe recipe = new() { Method = type, Seed = seed };
        if (method.TryGetProperty(Columns, out JsonElement columns))
            recipe = recipe with { Columns = ColumnMapping.Read(columns, Columns).Mapping ?? throw new InvalidOperationException($"The stored recipe's {Columns} are {columns.GetRawText()}.") };
        foreach ((string name, IReadOnlyList<RecipeField> fields) in new[] { ("hyperparameters", RecipeFields.Hyperparameters(type)), ("lora", RecipeFields.Lora) })
            foreach (RecipeField field in fields.Where(f => f.Name != "learning_rate_multiplier"))
                if (method.GetProperty(name).TryGetProperty(field.Name, out JsonElement value) && !(field.Name == "eval_strategy" && value.ValueKind == JsonValueKind.Null))
                    recipe = field.Read(recipe, value) ?? throw new InvalidOperationException($"The stored recipe's {field.Name} is {value.GetRawText()}; allowed is {field.Allowed}.");
        return recipe;
    }

    /// <summary>The method of what <see cref="Write"/> wrote.</summary>
    /// <exception cref="InvalidOperationException">It has none that is known.</exception>
    public static TrainingMethod MethodOf(JsonElement method) =>
        // Jobs from before there were other methods do not say that theirs is DPO.
        !method.TryGetProperty(Type, out JsonElement type) ? TrainingMethod.Dpo
        : WireNames.Parse<TrainingMethod>(type.GetString()) ?? throw new InvalidOperationException($"The stored recipe's type is {type.GetRawText()}.");

    /// <summary>Names of the settings that an object of a request does not leave to their defaults.</summary>
    /// <param name="settings">The object; anything else has none.</param>
    public static IEnumerable<string> GivenNames(JsonElement? settings) => settings is { ValueKind: JsonValueKind.Object } given
        ? given.EnumerateObject().Where(p => p.Value.ValueKind != JsonValueKind.Null && !IsAuto(p.Value)).Select(p => p.Name)
        : [];

    /// <summary>The object of a request that a setting belongs in, or null when the method has no setting of this name.</summary>
    public static string? HomeOf(TrainingMethod method, string name) =>
        RecipeFields.Hyperparameters(method).Any(f => f.Name == name) ? HyperparametersParam(method)
        : RecipeFields.Lora.Any(f => f.Name == name) || s_refusedLora.ContainsKey(name) ? LoraParam(method)
        : null;

    private static string MethodsWith(string name) =>
        string.Join(", ", Enum.GetValues<TrainingMethod>().Where(m => RecipeFields.Hyperparameters(m).Any(f => f.Name == name)).Select(WireNames.Of));

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
            if (problems.Count >= RecipeProblem.Most) break;
            string param = $"{path}.{property.Name}";
            if (fields.FirstOrDefault(f => f.Name == property.Name) is not { } field)
            {
                if (refused.TryGetValue(property.Name, out string? reason))
                {
                    if (!IsDefault(property)) problems.Add(new(param, reason + "."));
                }
                else problems.Add(new(param, Unknown(recipe.Method, property.Name, path, fields)));
            }
            else if (IsAuto(property.Value)) continue;
            else if (field.Read(recipe, property.Value) is { } read) recipe = read;
            // Generated clients send null for what is not set; it asks for the default where it is no value of its own.
            else if (property.Value.ValueKind == JsonValueKind.Null) continue;
            else problems.Add(new(param, $"{field.Name} is {Excerpt.Of(property.Value.GetRawText())}; it must be {field.Allowed}, or \"auto\"."));
        }
        return recipe;
    }

    private static bool IsAuto(JsonElement value) => value.ValueKind == JsonValueKind.String && value.GetString() == "auto";

    private static bool IsDefault(JsonProperty property) => property.Value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.False => property.Name == "lora_bias",
        JsonValueKind.String => property.Value.GetString() is "auto" || (property.Name == "bias" && property.Value.GetString() == "none"),
        _ => false,
    };

    private static string Unknown(TrainingMethod method, string name, string path, IReadOnlyList<RecipeField> fields)
    {
        string hint = HomeOf(method, name) is { } home ? $"It belongs in {home}."
            : MethodsWith(name) is { Length: > 0 } others ? $"It is a setting of method {others}."
            : WireNames.Nearest(name, fields.Select(f => f.Name)) is { } nearest ? $"Did you mean '{nearest}'?"
            : $"It knows {string.Join(", ", fields.Select(f => f.Name))}.";
        return $"{path} has no setting '{Excerpt.Of(name)}'. {hint}";
    }
}
