using TrainingService.Domain.Recipes;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;

namespace TrainingService.Training.Adapters;

/// <summary>Which modules of a model a recipe adapts; what it names and the model lacks is an error.</summary>
internal static class LoraTargets
{
    /// <summary>The adapted linear layers in forward order.</summary>
    /// <exception cref="ModelFormatException">A target or a layer index names nothing in the model.</exception>
    public static IReadOnlyList<LinearLayer> Select(LoraRecipe recipe, IReadOnlyList<LinearLayer> linearLayers)
    {
        if (recipe is { TargetPattern: null, TargetModules: not ["all-linear"] }
            && recipe.TargetModules.FirstOrDefault(t => !linearLayers.Any(l => LoraRecipe.EndsWith(l.Path, t))) is { } unknown)
            throw new ModelFormatException($"target_modules has '{unknown}', which this model lacks. Its linear layers are {Names(linearLayers)}.");
        int layerCount = linearLayers.Max(l => LoraRecipe.LayerIndex(l.Path) ?? 0) + 1;
        if (recipe.LayersToTransform?.Where(i => i >= layerCount).ToList() is [var missing, ..])
            throw new ModelFormatException($"layers_to_transform has {missing}, but the model's layers are 0 to {layerCount - 1}.");
        LinearLayer[] selected;
        try
        {
            selected = [.. linearLayers.Where(l => recipe.Targets(l.Path))];
        }
        catch (ArgumentException exception)
        {
            throw new ModelFormatException($"target_modules is no usable regular expression: {exception.Message}");
        }
        if (selected.Length == 0)
            throw new ModelFormatException($"target_modules '{recipe.TargetPattern}' matches no linear layer of this model. It must match a whole path such as {linearLayers[0].Path}; the names are {Names(linearLayers)}.");
        return selected;
    }

    /// <summary>The embedding or head that <c>modules_to_save</c> names, in the model's order.</summary>
    /// <exception cref="ModelFormatException">A name is of neither.</exception>
    public static IReadOnlyList<VocabularyMatrix> SelectSaved(LoraRecipe recipe, IReadOnlyList<VocabularyMatrix> matrices)
    {
        if (recipe.ModulesToSave.FirstOrDefault(name => !matrices.Any(m => LoraRecipe.EndsWith(m.Path, name))) is { } unknown)
            throw new ModelFormatException($"modules_to_save has '{unknown}'; of this model {string.Join(" and ", matrices.Select(m => m.Name))} can be trained in full. Adapt linear layers by target_modules.");
        return [.. matrices.Where(m => recipe.ModulesToSave.Any(name => LoraRecipe.EndsWith(m.Path, name)))];
    }

    private static string Names(IReadOnlyList<LinearLayer> linearLayers) => string.Join(", ", linearLayers.Select(l => l.Name).Distinct());
}
