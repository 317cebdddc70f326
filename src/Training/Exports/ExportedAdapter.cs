using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Exports;

/// <summary>An adapter read from its PEFT folder layer by layer, without the model it belongs to.</summary>
internal sealed class ExportedAdapter : IDisposable
{
    private readonly PeftTensors _tensors;

    /// <exception cref="ModelFormatException">It is no LoRA adapter, or uses a setting that is not supported.</exception>
    public ExportedAdapter(string folder)
    {
        Recipe = PeftConfig.Read(folder);
        _tensors = new(folder);
    }

    /// <summary>Its settings.</summary>
    public LoraRecipe Recipe { get; }

    /// <summary>Module paths of the adapted linear layers.</summary>
    public IReadOnlyList<string> Adapted => [.. _tensors.Parts.Where(p => p.Part == PeftPart.LoraA).Select(p => p.Path).Order(StringComparer.Ordinal)];

    /// <summary>Module paths of what is trained in full.</summary>
    public IReadOnlyList<string> Saved => [.. _tensors.Parts.Where(p => p.Part == PeftPart.Saved).Select(p => p.Path).Order(StringComparer.Ordinal)];

    /// <summary>A layer's pair, float32: (rank, in) and (out, rank).</summary>
    public (Tensor A, Tensor B) Pair(string path) => (_tensors.Read(path, PeftPart.LoraA), _tensors.Read(path, PeftPart.LoraB));

    /// <summary>Shapes of a layer's pair.</summary>
    public (long[] A, long[] B) PairShapes(string path) => (_tensors.ShapeOf(path, PeftPart.LoraA), _tensors.ShapeOf(path, PeftPart.LoraB));

    /// <summary>alpha / r, or alpha / √r, of a layer.</summary>
    public double Scaling(string path)
    {
        long rank = _tensors.ShapeOf(path, PeftPart.LoraA)[0];
        if (rank != Recipe.RankOf(path)) throw new ModelFormatException($"{PeftFiles.WeightsFile} has rank {rank} for {path}, but {PeftFiles.ConfigFile} says {Recipe.RankOf(path)}.");
        return Recipe.ScalingOf(path);
    }

    /// <summary>The copy of a module trained in full, float32.</summary>
    public Tensor Copy(string path) => _tensors.Read(path, PeftPart.Saved);

    /// <summary>A layer's weight with the adapter in it, (out, in), float32.</summary>
    /// <param name="path">Module path of the layer.</param>
    /// <param name="weight">Its frozen weight, (out, in).</param>
    public Tensor Merge(string path, Tensor weight)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor a, Tensor b) = Pair(path);
        if (!weight.shape.SequenceEqual([b.shape[0], a.shape[1]]))
            throw new ModelFormatException($"The adapter of {path} is made for a weight of [{b.shape[0]}, {a.shape[1]}], but the model's is [{string.Join(", ", weight.shape)}].");
        Tensor merged = weight.to(ScalarType.Float32, copy: true).addmm_(b * Scaling(path), a);
        if (Recipe.UseDora) merged.mul_((_tensors.Read(path, PeftPart.Magnitude) / linalg.norm(merged, dims: [1])).unsqueeze(1));
        return merged.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _tensors.Dispose();
}
