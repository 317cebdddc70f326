using System.Diagnostics;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Models;

namespace TrainingService.Api.FineTuning;

/// <summary>Says what of a request's adapter settings the model that it names has no place for, before anything is queued.</summary>
internal static class AdapterFit
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    /// <summary>The problems of a job that starts from an adapter: it goes on with that adapter as it is.</summary>
    /// <param name="model">Id of the model.</param>
    /// <param name="given">Names of the adapter settings that the request gives.</param>
    /// <param name="method">The job's method.</param>
    public static IEnumerable<RecipeProblem> ProblemsOfStart(string model, IEnumerable<string> given, TrainingMethod method) =>
        from name in given
        where name != "lora_dropout"
        select new RecipeProblem($"{RecipeJson.LoraParam(method)}.{name}",
            $"{name} has no effect: {model} has an adapter, and training goes on with it as it is. Leave it out, or start from the base model.");

    /// <summary>The problems of a job that makes a new adapter, by the names of the model's tensors; none where these cannot be read.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="recipe">The recipe.</param>
    public static IReadOnlyList<RecipeProblem> ProblemsOfTargets(string folder, TrainingRecipe recipe)
    {
        if (LayersOf(folder) is not { Count: > 0 } layers) return [];
        string path = RecipeJson.LoraParam(recipe.Method);
        try
        {
            RequireQuickPatterns(layers, recipe.Lora);
            return [.. ProblemsOfTargets(layers, path, recipe.Lora)];
        }
        catch (ArgumentException e)
        {
            return [new(path, e.Message)];
        }
    }

    /// <summary>Every later look at the patterns takes as long as this one.</summary>
    private static void RequireQuickPatterns(List<string> layers, LoraRecipe lora)
    {
        long started = Stopwatch.GetTimestamp();
        foreach (string layer in layers)
        {
            _ = lora.Targets(layer);
            _ = lora.ScalingOf(layer);
            if (Stopwatch.GetElapsedTime(started) > s_patience)
                throw new ArgumentException($"target_modules, rank_pattern and alpha_pattern take more than {s_patience.TotalSeconds} seconds to match this model's layers; write simpler patterns, or names.");
        }
    }

    private static IEnumerable<RecipeProblem> ProblemsOfTargets(List<string> layers, string path, LoraRecipe lora)
    {
        string Known() => string.Join(", ", layers.Select(l => l[(l.LastIndexOf('.') + 1)..]).Distinct().Order(StringComparer.Ordinal));
        if (lora.TargetPattern is { } pattern)
        {
            // The engine's module paths begin with the base's name, which some checkpoints leave out.
            LoraRecipe anyLayer = lora with { LayersToTransform = null };
            if (!layers.Any(l => new[] { l, "model." + l, "transformer." + l, "gpt_neox." + l }.Any(anyLayer.Targets)))
                yield return new($"{path}.target_modules", $"target_modules is the pattern {pattern}, which matches none of this model's layers, such as {layers[0]}; a list of names is matched by its end. The names are {Known()}.");
        }
        else if (lora.TargetModules is not ["all-linear"])
            foreach (string target in lora.TargetModules)
                if (!layers.Any(l => LoraRecipe.EndsWith(l, target)))
                    yield return new($"{path}.target_modules", $"target_modules has '{target}', which this model lacks. Its linear layers are {Known()}.");
        int count = layers.Max(l => LoraRecipe.LayerIndex(l) ?? 0) + 1;
        if (lora.LayersToTransform?.FirstOrDefault(i => i >= count, -1) is >= 0 and var beyond)
            yield return new($"{path}.layers_to_transform", $"layers_to_transform has {beyond}, but the model's layers are 0 to {count - 1}.");
    }

    /// <summary>Module paths of the matrices within the decoder's layers; null where the headers cannot be read: the worker says why.</summary>
    private static List<string>? LayersOf(string folder)
    {
        const string Weight = ".weight";
        try
        {
            return [.. SafetensorsHeaders.Read(folder)
                .Where(t => t.Shape.Length == 2 && t.Name.EndsWith(Weight, StringComparison.Ordinal))
                .Select(t => t.Name[..^Weight.Length]).Where(name => LoraRecipe.LayerIndex(name) is not null)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }
}
