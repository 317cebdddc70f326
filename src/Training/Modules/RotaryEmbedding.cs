using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// Rotary position embedding (Su et al., 2021, arXiv 2104.09864) in the half-split layout of transformers: dimension i turns
/// together with dimension i + half.
/// </summary>
/// <param name="inverseFrequencies">(head size / 2,), float32.</param>
internal sealed class RotaryEmbedding(Tensor inverseFrequencies)
{
    /// <summary>The angles' cosines and sines for these positions, (tokens, 1, head size / 2) each.</summary>
    public Rotation At(Tensor positions, ScalarType dtype)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor angles = positions.to_type(ScalarType.Float32).unsqueeze(1) * inverseFrequencies;
        return new(angles.cos().to_type(dtype).unsqueeze(1).MoveToOuterDisposeScope(), angles.sin().to_type(dtype).unsqueeze(1).MoveToOuterDisposeScope());
    }
}

/// <summary>Cosines and sines of a batch's positions.</summary>
internal sealed record Rotation(Tensor Cos, Tensor Sin)
{
    /// <summary>Turns the heads of <paramref name="x"/> (tokens, heads, head size).</summary>
    public Tensor Apply(Tensor x) => Turn(x, back: false);

    /// <summary>Turns back: the transposed rotation, which carries gradients.</summary>
    public Tensor ApplyTransposed(Tensor x) => Turn(x, back: true);

    private Tensor Turn(Tensor x, bool back)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] halves = x.chunk(2, -1);
        (Tensor a, Tensor b) = (halves[0], halves[1]);
        Tensor result = empty(x.shape, x.dtype, x.device);
        Tensor[] results = result.chunk(2, -1);
        int sign = back ? -1 : 1;
        results[0].copy_(a * Cos).addcmul_(b, Sin, -sign);
        results[1].copy_(b * Cos).addcmul_(a, Sin, sign);
        return result.MoveToOuterDisposeScope();
    }
}
