using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Models;
using TrainingService.Training.Tests.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Exports;

/// <summary>Adapters whose every part differs from its start, so that a part left out of an export shows.</summary>
internal static class RandomAdapter
{
    /// <summary>Writes one into a folder in PEFT's form.</summary>
    /// <param name="modelFolder">The model it belongs to.</param>
    /// <param name="folder">Created.</param>
    /// <param name="recipe">Its settings; modules_to_save of "all" stands for the model's embedding and head.</param>
    public static void Write(string modelFolder, string folder, LoraRecipe recipe)
    {
        using var _ = no_grad();
        using CausalLanguageModel model = CausalLanguageModel.Load(modelFolder, ComputeType.Float32, CPU);
        if (recipe.ModulesToSave is ["all"]) recipe = recipe with { ModulesToSave = [.. model.Adaptable.VocabularyMatrices.Select(m => m.Name)] };
        using var adapter = new LoraAdapter(recipe, model.Adaptable, trains: false);
        adapter.Initialize(3);
        using Tensor noise = PlainAutograd.Normal(4, adapter.Parameters.shape[0]).mul_(0.05);
        adapter.Parameters.add_(noise);
        Directory.CreateDirectory(folder);
        PeftFiles.Write(adapter, folder, "base");
    }
}
