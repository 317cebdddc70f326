using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Adapters;

/// <summary>
/// A low-rank adapter (Hu et al., 2021, arXiv 2106.09685) beside a model's frozen linear layers. All matrices lie in one
/// flat float32 tensor, and their gradients in another, so that clipping and the optimiser are a few calls.
/// </summary>
internal sealed class LoraAdapter : IDisposable
{
    private readonly Dictionary<LinearLayer, LoraLayer> _byLayer = [];
    private readonly double _dropout;
    private Generator? _dropoutGenerator;

    /// <summary>An adapter of zeros.</summary>
    /// <param name="recipe">Ranks, alphas, targets.</param>
    /// <param name="linearLayers">The model's linear layers.</param>
    /// <param name="device">The model's device.</param>
    /// <param name="trains">Whether gradients are wanted.</param>
    public LoraAdapter(LoraRecipe recipe, IReadOnlyList<LinearLayer> linearLayers, Device device, bool trains)
    {
        Recipe = recipe;
        _dropout = recipe.Dropout;
        IReadOnlyList<LinearLayer> targets = LoraTargets.Select(recipe, linearLayers);
        long count = targets.Sum(t => (long)RankOf(t) * (t.In + t.Out));
        Parameters = zeros([count], ScalarType.Float32, device).DetachFromDisposeScope();
        Gradients = trains ? zeros_like(Parameters).DetachFromDisposeScope() : null;
        long offset = 0;
        foreach (LinearLayer target in targets)
        {
            int rank = RankOf(target);
            double alpha = LoraTargets.Pattern(recipe.AlphaPattern, target.Path) ?? recipe.Alpha;
            _byLayer[target] = new()
            {
                Layer = target,
                Rank = rank,
                Scaling = alpha / (recipe.UseRsLora ? Math.Sqrt(rank) : rank),
                A = View(Parameters, offset, rank, target.In),
                B = View(Parameters, offset + (long)rank * target.In, target.Out, rank),
                AGradient = Gradients is null ? null : View(Gradients, offset, rank, target.In),
                BGradient = Gradients is null ? null : View(Gradients, offset + (long)rank * target.In, target.Out, rank),
            };
            offset += (long)rank * (target.In + target.Out);
        }

        int RankOf(LinearLayer layer) => LoraTargets.Pattern(recipe.RankPattern, layer.Path) ?? recipe.Rank;
    }

    /// <summary>The settings it was made with.</summary>
    public LoraRecipe Recipe { get; }

    /// <summary>All matrices, (parameters,), float32.</summary>
    public Tensor Parameters { get; }

    /// <summary>Their gradients, (parameters,), float32; null when frozen.</summary>
    public Tensor? Gradients { get; }

    /// <summary>The adapted layers in forward order.</summary>
    public IReadOnlyCollection<LoraLayer> Layers => _byLayer.Values;

    /// <summary>The pair of a layer, or null when it is not adapted.</summary>
    public LoraLayer? Find(LinearLayer layer) => _byLayer.GetValueOrDefault(layer);

    /// <summary>A ~ U(±1/√in), B = 0, as PEFT starts an adapter.</summary>
    public void Initialize(int seed)
    {
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator((ulong)seed);
        Parameters.zero_();
        foreach (LoraLayer layer in Layers)
        {
            // Drawn on the CPU, so that a seed gives the same adapter on every device.
            double bound = 1 / Math.Sqrt(layer.Layer.In);
            layer.A.copy_(rand([layer.Rank, layer.Layer.In], generator: generator).mul_(2 * bound).sub_(bound));
        }
    }

    /// <summary>Lets inputs be dropped in the passes that follow, by a seed of their own so that no generator's state need be saved; null stops it.</summary>
    public void SeedDropout(long? seed)
    {
        _dropoutGenerator?.Dispose();
        _dropoutGenerator = seed is { } given && _dropout > 0 ? new Generator((ulong)given, Parameters.device) : null;
    }

    /// <summary>A mask of 0 and 1/(1−p) for an adapter's input (tokens, in), or null when nothing is dropped.</summary>
    public Tensor? DropoutMask(Tensor input)
    {
        if (_dropoutGenerator is null) return null;
        using DisposeScope scope = NewDisposeScope();
        Tensor kept = rand(input.shape, ScalarType.Float32, Parameters.device, generator: _dropoutGenerator).ge(_dropout);
        return kept.to_type(input.dtype).mul_(1 / (1 - _dropout)).MoveToOuterDisposeScope();
    }

    /// <summary>A frozen adapter with the same values.</summary>
    public LoraAdapter FrozenCopy(IReadOnlyList<LinearLayer> linearLayers)
    {
        using var _ = no_grad();
        var copy = new LoraAdapter(Recipe, linearLayers, Parameters.device, trains: false);
        copy.Parameters.copy_(Parameters).DetachFromDisposeScope();
        return copy;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LoraLayer layer in Layers)
            foreach (Tensor? view in new[] { layer.A, layer.B, layer.AGradient, layer.BGradient })
                view?.Dispose();
        Parameters.Dispose();
        Gradients?.Dispose();
        _dropoutGenerator?.Dispose();
    }

    private static Tensor View(Tensor flat, long offset, long rows, long columns)
    {
        using DisposeScope scope = NewDisposeScope();
        return flat.narrow(0, offset, rows * columns).view(rows, columns).DetachFromDisposeScope();
    }
}
