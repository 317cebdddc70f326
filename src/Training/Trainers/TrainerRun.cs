using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Models;

namespace TrainingService.Training.Trainers;

/// <summary>Everything a run is made of.</summary>
public sealed record TrainerRun
{
    /// <summary>A model folder in Hugging Face's form.</summary>
    public required string ModelFolder { get; init; }

    /// <summary>A PEFT folder to start from, or null for a fresh adapter.</summary>
    public string? AdapterFolder { get; init; }

    /// <summary>What the adapter's configuration names as its base.</summary>
    public required string BaseModelName { get; init; }

    /// <summary>The settings. Those of <see cref="TrainingRecipe.Lora"/> but the dropout are the adapter's where training starts from one.</summary>
    public required TrainingRecipe Recipe { get; init; }

    /// <summary>Training rows of the kind that the method takes, at least one.</summary>
    public required IReadOnlyList<TokenizedRow> Train { get; init; }

    /// <summary>Validation rows, or null.</summary>
    public IReadOnlyList<TokenizedRow>? Validation { get; init; }

    /// <summary>Folder that keeps reference log-probabilities between runs, or null.</summary>
    public string? ReferenceCacheFolder { get; init; }

    /// <summary>The settings that count: <see cref="Recipe"/>, with the shape of the adapter that training starts from.</summary>
    /// <exception cref="ModelFormatException">The folder holds no adapter that can be trained.</exception>
    public TrainingRecipe ResolveRecipe() =>
        AdapterFolder is null ? Recipe : Recipe with { Lora = PeftConfig.Read(AdapterFolder) with { Dropout = Recipe.Lora.Dropout } };

    /// <summary>Most tokens a pack; null chooses by the device. More tokens take more memory and, up to a point, less time.</summary>
    public int? PackTokens { get; init; }
}
