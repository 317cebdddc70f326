using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrainingService.Domain.Recipes;

/// <summary>The kinds of values that settings have, and how each is read strictly.</summary>
internal static class RecipeFieldKinds
{
    /// <summary>No upper bound of its own.</summary>
    public const int Unbounded = int.MaxValue;

    public static RecipeField Number(string name, string allowed, string description, Func<double, bool> isAllowed, Func<TrainingRecipe, double, TrainingRecipe> set, Func<TrainingRecipe, double> get) =>
        new(name, allowed, description, (r, e) => ReadNumber(e) is { } v && isAllowed(v) ? set(r, v) : null, r => get(r));

    public static RecipeField OptionalNumber(string name, string allowed, string description, Func<double, bool> isAllowed, Func<TrainingRecipe, double?, TrainingRecipe> set, Func<TrainingRecipe, double?> get) =>
        new(name, allowed, description,
            (r, e) => e.ValueKind == JsonValueKind.Null ? set(r, null) : ReadNumber(e) is { } v && isAllowed(v) ? set(r, v) : null,
            r => get(r));

    public static RecipeField Integer(string name, int least, int most, string description, Func<TrainingRecipe, int, TrainingRecipe> set, Func<TrainingRecipe, int> get) =>
        new(name, Range(least, most), description, (r, e) => ReadInteger(e) is { } v && v >= least && v <= most ? set(r, v) : null, r => get(r));

    public static RecipeField OptionalInteger(string name, int least, int most, string description, Func<TrainingRecipe, int?, TrainingRecipe> set, Func<TrainingRecipe, int?> get) =>
        new(name, Range(least, most) + ", or null", description,
            (r, e) => e.ValueKind == JsonValueKind.Null ? set(r, null) : ReadInteger(e) is { } v && v >= least && v <= most ? set(r, v) : null,
            r => get(r));

    public static RecipeField Flag(string name, string description, Func<TrainingRecipe, bool, TrainingRecipe> set, Func<TrainingRecipe, bool> get) =>
        new(name, "true or false", description, (r, e) => e.ValueKind is JsonValueKind.True or JsonValueKind.False ? set(r, e.GetBoolean()) : null, r => get(r));

    public static RecipeField Name<TEnum>(string name, string description, Func<TrainingRecipe, TEnum, TrainingRecipe> set, Func<TrainingRecipe, TEnum?> get) where TEnum : struct, Enum =>
        new(name, "one of " + string.Join(", ", WireNames.All<TEnum>()), description,
            (r, e) => e.ValueKind == JsonValueKind.String && WireNames.Parse<TEnum>(e.GetString()) is { } v ? set(r, v) : null,
            r => get(r) is { } v ? WireNames.Of(v) : null);

    public static RecipeField Losses(string name, string description) =>
        new(name, "one of " + string.Join(", ", WireNames.All<LossType>()) + ", or a list of them", description,
            (r, e) => ReadNames(e) is { Count: > 0 } names && names.Distinct().Count() == names.Count && names.All(n => WireNames.Parse<LossType>(n) is not null)
                ? r with { LossTypes = [.. names.Select(n => WireNames.Parse<LossType>(n)!.Value)] } : null,
            r => r.LossTypes is [var single] ? WireNames.Of(single) : new JsonArray([.. r.LossTypes.Select(l => (JsonNode)WireNames.Of(l))]));

    public static RecipeField Weights(string name, string description) =>
        new(name, "a list of numbers of at least 0, one a loss, or null", description,
            (r, e) => e.ValueKind == JsonValueKind.Null ? r with { LossWeights = null }
                : e.ValueKind == JsonValueKind.Array && e.EnumerateArray().Select(ReadNumber).ToList() is { Count: > 0 } weights && weights.All(w => w >= 0)
                    ? r with { LossWeights = [.. weights.Select(w => w!.Value)] } : null,
            r => r.LossWeights is { } weights ? new JsonArray([.. weights.Select(w => (JsonNode)w)]) : null);

    private static string Range(int least, int most) => most == Unbounded
        ? string.Create(CultureInfo.InvariantCulture, $"a whole number of at least {least}")
        : string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}");

    public static double? ReadNumber(JsonElement e) =>
        e.ValueKind == JsonValueKind.Number && e.TryGetDouble(out double v) && double.IsFinite(v) ? v : null;

    // 3.0 is a whole number too: some SDKs send every number as a double.
    public static int? ReadInteger(JsonElement e) =>
        ReadNumber(e) is { } v && v == Math.Floor(v) && Math.Abs(v) <= int.MaxValue ? (int)v : null;

    // More than models have linear layers; each entry is looked for among all of them.
    private const int MostEntries = 1024;

    public static List<string>? ReadNames(JsonElement e) => e.ValueKind switch
    {
        JsonValueKind.String => e.GetString() is { Length: > 0 } name ? [name] : null,
        JsonValueKind.Array when e.GetArrayLength() <= MostEntries && e.EnumerateArray().All(i => i.ValueKind == JsonValueKind.String && i.GetString()!.Length > 0) => [.. e.EnumerateArray().Select(i => i.GetString()!)],
        _ => null,
    };

    public static List<int>? ReadIndices(JsonElement e)
    {
        if (ReadInteger(e) is { } single) return single >= 0 ? [single] : null;
        if (e.ValueKind != JsonValueKind.Array || e.GetArrayLength() > MostEntries) return null;
        List<int?> indices = [.. e.EnumerateArray().Select(ReadInteger)];
        return indices.All(i => i >= 0) ? [.. indices.Select(i => i!.Value).Distinct().Order()] : null;
    }

    public static Dictionary<string, T>? ReadMap<T>(JsonElement e, Func<JsonElement, T?> read) where T : struct
    {
        if (e.ValueKind != JsonValueKind.Object || e.GetPropertyCount() > MostEntries) return null;
        var map = new Dictionary<string, T>();
        foreach (JsonProperty property in e.EnumerateObject())
        {
            if (read(property.Value) is not { } value) return null;
            map[property.Name] = value;
        }
        return map;
    }
}
