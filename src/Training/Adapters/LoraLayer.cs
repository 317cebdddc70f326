using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Adapters;

/// <summary>The low-rank pair of one linear layer: its output gains scaling · B A x.</summary>
internal sealed class LoraLayer
{
    /// <summary>The layer it belongs to.</summary>
    public required LinearLayer Layer { get; init; }

    /// <summary>Rank of the pair.</summary>
    public required int Rank { get; init; }

    /// <summary>alpha / r, or alpha / √r.</summary>
    public required double Scaling { get; init; }

    /// <summary>(rank, in), float32: a view of the adapter's flat parameter.</summary>
    public required Tensor A { get; init; }

    /// <summary>(out, rank), float32: a view of the adapter's flat parameter.</summary>
    public required Tensor B { get; init; }

    /// <summary>Gradient of A: a view of the adapter's flat gradient; null when the adapter is frozen.</summary>
    public Tensor? AGradient { get; init; }

    /// <summary>Gradient of B: a view of the adapter's flat gradient; null when the adapter is frozen.</summary>
    public Tensor? BGradient { get; init; }

    /// <summary>Whether gradients are wanted.</summary>
    public bool Trains => AGradient is not null;
}
