using TorchSharp;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Adapters;

/// <summary>
/// The low-rank pair of one linear layer: its output gains scaling · B A x. With a start (PiSSA) only the change counts,
/// scaling · (B A − B₀ A₀) x; with a magnitude (DoRA) each row of the changed weight is brought to a trained length.
/// </summary>
internal sealed class LoraLayer : IDisposable
{
    // Rows of a weight that are in float32 at a time.
    private const int NormRows = 4096;

    private Tensor? _norm;

    /// <summary>The layer it belongs to.</summary>
    public required LinearLayer Layer { get; init; }

    /// <summary>Rank of the trained pair.</summary>
    public required int Rank { get; init; }

    /// <summary>alpha / r, or alpha / √r.</summary>
    public required double Scaling { get; init; }

    /// <summary>(rank, in), float32: a view of the adapter's flat parameter.</summary>
    public required Tensor A { get; init; }

    /// <summary>(out, rank), float32: a view of the adapter's flat parameter.</summary>
    public required Tensor B { get; init; }

    /// <summary>DoRA's length of each row of the weight, (out,), float32: a view of the adapter's flat parameter; null without DoRA.</summary>
    public Tensor? Magnitude { get; init; }

    /// <summary>The frozen pair that PiSSA starts from and that is taken off the weight, shaped like A and B; null without PiSSA.</summary>
    public (Tensor A, Tensor B)? Start { get; init; }

    /// <summary>Gradient of A: a view of the adapter's flat gradient; null when the adapter is frozen.</summary>
    public Tensor? AGradient { get; init; }

    /// <summary>Gradient of B: a view of the adapter's flat gradient; null when the adapter is frozen.</summary>
    public Tensor? BGradient { get; init; }

    /// <summary>Gradient of the magnitude; null without DoRA or when the adapter is frozen.</summary>
    public Tensor? MagnitudeGradient { get; init; }

    /// <summary>Whether gradients are wanted.</summary>
    public bool Trains => AGradient is not null;

    /// <summary>What the input is multiplied by, float32: (rank, in), or (2 · rank, in) with the start below. Ask for it inside a dispose scope.</summary>
    public Tensor Down() => Start is { } start ? cat([A, start.A], 0) : A;

    /// <summary>What follows, float32 and without the scaling: (out, rank), or (out, 2 · rank) with the start taken off. Ask for it inside a dispose scope.</summary>
    public Tensor Up() => Start is { } start ? cat([B, -start.B], 1) : B;

    /// <summary>Length of each row of the changed weight, (out,), float32; kept once the adapter is frozen. Ask for it inside a dispose scope.</summary>
    public Tensor WeightNorm() => Trains ? MeasureNorm() : _norm ??= MeasureNorm().DetachFromDisposeScope();

    /// <summary>
    /// ‖w + scaling · b A‖ of each row from ‖w‖² + 2 scaling b (A w) + scaling² b (A Aᵀ) bᵀ: the changed weight itself is
    /// never made.
    /// </summary>
    public Tensor MeasureNorm()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor down = Down(), up = Up() * Scaling, rows = Layer.Rows();
        Tensor squares = up.mm(down.mm(down.t())).mul_(up).sum(1);
        for (long start = 0; start < Layer.Out; start += NormRows)
        {
            using DisposeScope inner = NewDisposeScope();
            long n = Math.Min(NormRows, Layer.Out - start);
            Tensor w = rows.narrow(0, start, n).to_type(ScalarType.Float32);
            squares.narrow(0, start, n).add_(w.square().sum(1)).add_(w.mm(down.t()).mul_(up.narrow(0, start, n)).sum(1), 2);
        }
        return squares.clamp_(min: 0).sqrt_().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor? view in new[] { A, B, Magnitude, Start?.A, Start?.B, AGradient, BGradient, MagnitudeGradient, _norm })
            view?.Dispose();
    }
}
