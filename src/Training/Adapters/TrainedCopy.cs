using TorchSharp;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Adapters;

/// <summary>
/// A copy of the embedding or the head that is trained in full beside the low-rank pairs (PEFT's modules_to_save). Of tied
/// matrices each gets a copy of its own, as in PEFT: training unties them.
/// </summary>
internal sealed class TrainedCopy : IDisposable
{
    private Tensor? _rounded;
    private Tensor? _mean;

    /// <summary>What it is a copy of.</summary>
    public required VocabularyMatrix Of { get; init; }

    /// <summary>(vocabulary, hidden), float32: a view of the adapter's flat parameter.</summary>
    public required Tensor Weight { get; init; }

    /// <summary>Its gradient: a view of the adapter's flat gradient; null when the adapter is frozen.</summary>
    public Tensor? Gradient { get; init; }

    /// <summary>The weight in the type of the arithmetic. Ask for it inside a dispose scope.</summary>
    public Tensor In(ScalarType dtype) => dtype == Weight.dtype ? Weight
        : Gradient is null ? _rounded ??= Weight.to_type(dtype).DetachFromDisposeScope()
        : Weight.to_type(dtype);

    /// <summary>The vocabulary's mean row, (hidden,). Ask for it inside a dispose scope.</summary>
    public Tensor Mean() => Gradient is null ? _mean ??= Weight.mean([0]).DetachFromDisposeScope() : Weight.mean([0]);

    /// <inheritdoc/>
    public void Dispose()
    {
        Weight.Dispose();
        Gradient?.Dispose();
        _rounded?.Dispose();
        _mean?.Dispose();
    }
}
