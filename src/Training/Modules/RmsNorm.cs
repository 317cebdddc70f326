using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>Root-mean-square normalisation (Zhang and Sennrich, 2019, arXiv 1910.07467), computed in float32 as transformers' Llama does.</summary>
/// <param name="weight">Scale, (hidden,).</param>
/// <param name="epsilon">Added to the mean square.</param>
internal sealed class RmsNorm(Tensor weight, double epsilon)
{
    /// <summary>(tokens, hidden) → (tokens, hidden). The output is computed again in the backward pass rather than kept.</summary>
    public Activation Forward(Tape tape, Activation x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor inverse = Inverse(x.Value);
        return tape.Record(Normalized(x.Value, inverse), x.RequiresGradient,
            gradient => x.Accumulate(Backward(gradient, x.Value, inverse)),
            () => Normalized(x.Value, inverse), [x], inverse);
    }

    /// <summary>1 / √(mean square + ε), (tokens, 1), float32.</summary>
    private Tensor Inverse(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        return x.to_type(ScalarType.Float32).square().mean([-1], keepdim: true).add_(epsilon).rsqrt_().MoveToOuterDisposeScope();
    }

    private Tensor Normalized(Tensor x, Tensor inverse)
    {
        using DisposeScope scope = NewDisposeScope();
        return (x.to_type(ScalarType.Float32) * inverse).to_type(x.dtype).mul(weight).MoveToOuterDisposeScope();
    }

    private Tensor Backward(Tensor gradient, Tensor x, Tensor inverse)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor g = (gradient * weight).to_type(ScalarType.Float32);
        Tensor normalized = x.to_type(ScalarType.Float32) * inverse;
        Tensor projection = (g * normalized).mean([-1], keepdim: true);
        return normalized.mul_(projection).neg_().add_(g).mul_(inverse).to_type(x.dtype).MoveToOuterDisposeScope();
    }
}
