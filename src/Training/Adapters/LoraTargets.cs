using System.Globalization;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;

namespace TrainingService.Training.Adapters;

/// <summary>Which linear layers a recipe adapts, by PEFT's rules.</summary>
internal static class LoraTargets
{
    /// <summary>The adapted layers in forward order.</summary>
    /// <exception cref="ModelFormatException">A target or a layer index names nothing in the model.</exception>
    public static IReadOnlyList<LinearLayer> Select(LoraRecipe recipe, IReadOnlyList<LinearLayer> linearLayers)
    {
        bool all = recipe.TargetModules is ["all-linear"];
        if (!all && recipe.TargetModules.FirstOrDefault(t => !linearLayers.Any(l => EndsWith(l.Path, t))) is { } unknown)
        {
            IEnumerable<string> known = linearLayers.Select(l => l.Path[(l.Path.LastIndexOf('.') + 1)..]).Distinct();
            throw new ModelFormatException($"target_modules has '{unknown}', which this model lacks. Its linear layers are {string.Join(", ", known)}.");
        }
        int layerCount = linearLayers.Max(l => LayerIndex(l.Path) ?? 0) + 1;
        if (recipe.LayersToTransform?.Where(i => i >= layerCount).ToList() is [var missing, ..])
            throw new ModelFormatException($"layers_to_transform has {missing}, but the model's layers are 0 to {layerCount - 1}.");
        return [.. linearLayers.Where(l => (all || recipe.TargetModules.Any(t => EndsWith(l.Path, t)))
            && (recipe.LayersToTransform is null || (LayerIndex(l.Path) is { } index && recipe.LayersToTransform.Contains(index))))];
    }

    /// <summary>The value of the first key that a path ends with, or null.</summary>
    public static T? Pattern<T>(IReadOnlyDictionary<string, T> pattern, string path) where T : struct
    {
        foreach ((string key, T value) in pattern)
            if (EndsWith(path, key)) return value;
        return null;
    }

    private static bool EndsWith(string path, string name) =>
        path == name || path.EndsWith("." + name, StringComparison.Ordinal);

    /// <summary>The first number between dots: <c>model.layers.3.mlp</c> → 3.</summary>
    private static int? LayerIndex(string path)
    {
        foreach (string part in path.Split('.'))
            if (int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int index)) return index;
        return null;
    }
}
