using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>Root-mean-square normalisation (Zhang and Sennrich, 2019, arXiv 1910.07467), computed in float32.</summary>
/// <param name="weight">Scale, (hidden,): one in float32 scales before the result is rounded to the model's type, as Gemma's does, another after, as Llama's.</param>
/// <param name="epsilon">Added to the mean square.</param>
internal sealed class RmsNorm(Tensor weight, double epsilon)
{
    /// <summary>Elements normed together.</summary>
    public long Size => weight.shape[0];

    /// <summary>(tokens, hidden) → (tokens, hidden). The output is computed again in the backward pass rather than kept.</summary>
    public Activation Forward(Tape tape, Activation x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor inverse = Inverse(x.Value);
        return tape.Record(Normalized(x.Value, inverse), x.RequiresGradient,
            gradient => x.Accumulate(Backward(gradient, x.Value, inverse)),
            () => Normalized(x.Value, inverse), [x], inverse);
    }

    /// <summary>1 / √(mean square + ε), (…, 1), float32.</summary>
    public Tensor Inverse(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        return x.to_type(ScalarType.Float32).square().mean([-1], keepdim: true).add_(epsilon).rsqrt_().MoveToOuterDisposeScope();
    }

    /// <summary>(…, size) → (…, size), given <see cref="Inverse"/>.</summary>
    public Tensor Normalized(Tensor x, Tensor inverse)
    {
        using DisposeScope scope = NewDisposeScope();
        return (x.to_type(ScalarType.Float32) * inverse).to_type(weight.dtype).mul(weight).to_type(x.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>Gradient of the input, (…, size).</summary>
    public Tensor Backward(Tensor gradient, Tensor x, Tensor inverse)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor g = (gradient * weight).to_type(ScalarType.Float32);
        Tensor normalized = x.to_type(ScalarType.Float32) * inverse;
        Tensor projection = (g * normalized).mean([-1], keepdim: true);
        return normalized.mul_(projection).neg_().add_(g).mul_(inverse).to_type(x.dtype).MoveToOuterDisposeScope();
    }
}
