using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>How fast the pairs of dimensions of a rotary embedding turn.</summary>
/// <param name="Inverse">Inverse frequencies, (turned dimensions / 2).</param>
/// <param name="Magnitude">Multiplies cosines and sines, as some scalings to longer contexts do.</param>
internal sealed record RotaryFrequencies(float[] Inverse, double Magnitude = 1)
{
    /// <summary>Sequences longer than this turn by <see cref="Beyond"/>; null when all turn alike.</summary>
    public int? Boundary { get; init; }

    /// <summary>Inverse frequencies for a sequence of a length beyond the boundary.</summary>
    public Func<int, float[]>? Beyond { get; init; }

    /// <summary>Whether a text that grows past the boundary is read anew, since its keys so far are turned otherwise; else they stay as they are.</summary>
    public bool RereadsBeyond { get; init; }
}

/// <summary>
/// Rotary position embedding (Su et al., 2021, arXiv 2104.09864) in the half-split layout of transformers: dimension i turns
/// together with dimension i + half.
/// </summary>
internal sealed class RotaryEmbedding : IDisposable
{
    private readonly RotaryFrequencies _frequencies;
    private readonly Tensor _inverse;

    public RotaryEmbedding(RotaryFrequencies frequencies, Device device)
    {
        _frequencies = frequencies;
        _inverse = tensor(frequencies.Inverse, device: device).DetachFromDisposeScope();
    }

    /// <summary>The angles' cosines and sines for these positions, (tokens, 1, turned dimensions / 2) each.</summary>
    /// <param name="positions">Positions within their sequences, (tokens,).</param>
    /// <param name="sequences">The sequences, whose lengths some scalings go by.</param>
    /// <param name="dtype">Type of the result.</param>
    public Rotation At(Tensor positions, IReadOnlyList<SequenceRows> sequences, ScalarType dtype)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor angles = positions.to_type(ScalarType.Float32).unsqueeze(1) * InverseFor(sequences);
        return new(Of(angles.cos()), Of(angles.sin()));

        Tensor Of(Tensor values) => values.mul_(_frequencies.Magnitude).to_type(dtype).unsqueeze(1).MoveToOuterDisposeScope();
    }

    public void Dispose() => _inverse.Dispose();

    /// <summary>(half,) for all rows, or (tokens, half).</summary>
    private Tensor InverseFor(IReadOnlyList<SequenceRows> sequences)
    {
        if (_frequencies is not { Boundary: { } boundary, Beyond: { } beyond } || sequences.All(s => s.Length <= boundary)) return _inverse;
        return cat([.. sequences.Select(s => (s.Length <= boundary ? _inverse : tensor(beyond(s.Length), device: _inverse.device)).expand(s.Rows, -1))], 0);
    }
}

/// <summary>Cosines and sines of a batch's positions; heads may have more dimensions than turn.</summary>
internal sealed record Rotation(Tensor Cos, Tensor Sin)
{
    /// <summary>Turns the heads of <paramref name="x"/> (tokens, heads, head size).</summary>
    public Tensor Apply(Tensor x) => Turn(x, back: false);

    /// <summary>Turns back: the transposed rotation, which carries gradients.</summary>
    public Tensor ApplyTransposed(Tensor x) => Turn(x, back: true);

    private Tensor Turn(Tensor x, bool back)
    {
        using DisposeScope scope = NewDisposeScope();
        long half = Cos.shape[^1], still = x.shape[^1] - 2 * half;
        (Tensor a, Tensor b) = (x.narrow(-1, 0, half), x.narrow(-1, half, half));
        Tensor result = empty(x.shape, x.dtype, x.device);
        int sign = back ? -1 : 1;
        result.narrow(-1, 0, half).copy_(a * Cos).addcmul_(b, Sin, -sign);
        result.narrow(-1, half, half).copy_(b * Cos).addcmul_(a, Sin, sign);
        if (still > 0) result.narrow(-1, 2 * half, still).copy_(x.narrow(-1, 2 * half, still));
        return result.MoveToOuterDisposeScope();
    }
}
