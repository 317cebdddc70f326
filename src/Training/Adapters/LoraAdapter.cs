using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Modules;
using TrainingService.Training.Optimization;
using static TorchSharp.torch;

namespace TrainingService.Training.Adapters;

/// <summary>
/// A low-rank adapter (Hu et al., 2021, arXiv 2106.09685) beside a model's frozen linear layers, and the modules trained in
/// full with it. All that is trained lies in one flat float32 tensor, and the gradients in another, so that clipping and the
/// optimiser are a few calls.
/// </summary>
internal sealed class LoraAdapter : IDisposable
{
    private readonly AdaptableModules _modules;
    private readonly Dictionary<LinearLayer, LoraLayer> _byLayer = [];
    private readonly Dictionary<VocabularyMatrix, TrainedCopy> _byMatrix = [];

    /// <summary>An adapter of zeros.</summary>
    /// <param name="recipe">Ranks, alphas, targets.</param>
    /// <param name="modules">What of the model may be adapted.</param>
    /// <param name="trains">Whether gradients are wanted.</param>
    public LoraAdapter(LoraRecipe recipe, AdaptableModules modules, bool trains)
    {
        Recipe = recipe;
        _modules = modules;
        IReadOnlyList<LinearLayer> targets = LoraTargets.Select(recipe, modules.LinearLayers);
        IReadOnlyList<VocabularyMatrix> saved = LoraTargets.SelectSaved(recipe, modules.VocabularyMatrices);
        long pairs = targets.Sum(t => (long)recipe.RankOf(t.Path) * (t.In + t.Out));
        long count = pairs + (recipe.UseDora ? targets.Sum(t => (long)t.Out) : 0) + saved.Sum(m => m.Weight.numel());
        Parameters = zeros([count], ScalarType.Float32, modules.Device).DetachFromDisposeScope();
        Gradients = trains ? zeros_like(Parameters).DetachFromDisposeScope() : null;
        Start = recipe.Initialization == LoraInitialization.Pissa ? zeros([pairs], ScalarType.Float32, modules.Device).DetachFromDisposeScope() : null;
        Noise = new(recipe.Dropout, modules.Device);
        long offset = 0, magnitude = pairs;
        foreach (LinearLayer target in targets)
        {
            int rank = recipe.RankOf(target.Path);
            long b = offset + (long)rank * target.In;
            _byLayer[target] = new()
            {
                Layer = target,
                Rank = rank,
                Scaling = recipe.ScalingOf(target.Path),
                A = View(Parameters, offset, rank, target.In)!,
                B = View(Parameters, b, target.Out, rank)!,
                AGradient = View(Gradients, offset, rank, target.In),
                BGradient = View(Gradients, b, target.Out, rank),
                Start = Start is null ? null : (View(Start, offset, rank, target.In)!, View(Start, b, target.Out, rank)!),
                Magnitude = recipe.UseDora ? View(Parameters, magnitude, target.Out) : null,
                MagnitudeGradient = recipe.UseDora ? View(Gradients, magnitude, target.Out) : null,
            };
            offset = b + (long)rank * target.Out;
            magnitude += target.Out;
        }
        offset = count - saved.Sum(m => m.Weight.numel());
        foreach (VocabularyMatrix matrix in saved)
        {
            _byMatrix[matrix] = new() { Of = matrix, Weight = View(Parameters, offset, matrix.Weight.shape)!, Gradient = View(Gradients, offset, matrix.Weight.shape) };
            offset += matrix.Weight.numel();
        }
    }

    /// <summary>The settings it was made with.</summary>
    public LoraRecipe Recipe { get; }

    /// <summary>All that is trained, (parameters,), float32: the pairs, DoRA's magnitudes, the modules trained in full.</summary>
    public Tensor Parameters { get; }

    /// <summary>Its gradients, (parameters,), float32; null when frozen.</summary>
    public Tensor? Gradients { get; }

    /// <summary>The frozen pairs that PiSSA starts from, laid out like the trained ones; null without PiSSA.</summary>
    public Tensor? Start { get; }

    /// <summary>What perturbs the passes of training.</summary>
    public AdapterNoise Noise { get; }

    /// <summary>The adapted layers in forward order.</summary>
    public IReadOnlyCollection<LoraLayer> Layers => _byLayer.Values;

    /// <summary>The modules trained in full, in the model's order.</summary>
    public IReadOnlyCollection<TrainedCopy> Copies => _byMatrix.Values;

    /// <summary>What is trained, matrix by matrix; only of an adapter that trains.</summary>
    public IEnumerable<TrainedWeight> Weights => Layers
        .SelectMany(l => new[] { (l.A, l.AGradient), (l.B, l.BGradient), (l.Magnitude, l.MagnitudeGradient) })
        .Concat(Copies.Select(c => ((Tensor?)c.Weight, c.Gradient)))
        .Where(w => w.Item1 is not null)
        .Select(w => new TrainedWeight(w.Item1!, w.Item2!));

    /// <summary>The pair of a layer, or null when it is not adapted.</summary>
    public LoraLayer? Find(LinearLayer layer) => _byLayer.GetValueOrDefault(layer);

    /// <summary>The copy of a vocabulary matrix, or null when it is not trained.</summary>
    public TrainedCopy? Find(VocabularyMatrix matrix) => _byMatrix.GetValueOrDefault(matrix);

    /// <summary>Starts as PEFT does: A ~ U(±1/√in) or N(0, 1/r²) and B = 0, or the weight's principal components; magnitudes and copies as the model has them.</summary>
    public void Initialize(int seed)
    {
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        // Drawn on the CPU, so that a seed gives the same adapter on every device.
        using var generator = new Generator((ulong)seed);
        Parameters.zero_();
        foreach (LoraLayer layer in Layers)
        {
            using DisposeScope inner = NewDisposeScope();
            InitializePair(layer, generator);
            layer.Magnitude?.copy_(layer.MeasureNorm());
        }
        foreach (TrainedCopy copy in Copies) copy.Weight.copy_(copy.Of.Weight);
    }

    /// <summary>A frozen adapter with the same values.</summary>
    public LoraAdapter FrozenCopy()
    {
        using var _ = no_grad();
        var copy = new LoraAdapter(Recipe, _modules, trains: false);
        copy.Parameters.copy_(Parameters).DetachFromDisposeScope();
        if (Start is not null) copy.Start!.copy_(Start).DetachFromDisposeScope();
        return copy;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LoraLayer layer in Layers) layer.Dispose();
        foreach (TrainedCopy copy in Copies) copy.Dispose();
        Parameters.Dispose();
        Gradients?.Dispose();
        Start?.Dispose();
        Noise.Dispose();
    }

    private void InitializePair(LoraLayer layer, Generator generator)
    {
        switch (Recipe.Initialization)
        {
            case LoraInitialization.Uniform:
                double bound = 1 / Math.Sqrt(layer.Layer.In);
                layer.A.copy_(rand([layer.Rank, layer.Layer.In], generator: generator).mul_(2 * bound).sub_(bound));
                break;
            case LoraInitialization.Gaussian:
                layer.A.copy_(randn([layer.Rank, layer.Layer.In], generator: generator).div_(layer.Rank));
                break;
            case LoraInitialization.Pissa:
                (Tensor a, Tensor b) = PrincipalComponents.Of(layer, Recipe.PissaIterations, generator);
                foreach ((Tensor into, Tensor from) in new[] { (layer.A, a), (layer.Start!.Value.A, a), (layer.B, b), (layer.Start.Value.B, b) }) into.copy_(from);
                break;
        }
    }

    private static Tensor? View(Tensor? flat, long offset, params long[] shape)
    {
        using DisposeScope scope = NewDisposeScope();
        return flat?.narrow(0, offset, shape.Aggregate((product, size) => product * size)).view(shape).DetachFromDisposeScope();
    }
}
