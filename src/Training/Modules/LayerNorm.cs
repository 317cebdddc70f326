using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>Layer normalisation (Ba et al., 2016, arXiv 1607.06450).</summary>
/// <param name="weight">Scale, (hidden,).</param>
/// <param name="bias">Shift, (hidden,).</param>
/// <param name="epsilon">Added to the variance.</param>
internal sealed class LayerNorm(Tensor weight, Tensor bias, double epsilon)
{
    /// <summary>(tokens, hidden) → (tokens, hidden). The output is computed again in the backward pass rather than kept.</summary>
    public Activation Forward(Tape tape, Activation x)
    {
        using DisposeScope scope = NewDisposeScope();
        return tape.Record(Normalized(x.Value), x.RequiresGradient, gradient => x.Accumulate(Backward(gradient, x.Value)), () => Normalized(x.Value), [x]);
    }

    private Tensor Normalized(Tensor x) => nn.functional.layer_norm(x, weight.shape, weight, bias, epsilon);

    private Tensor Backward(Tensor gradient, Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor g = (gradient * weight).to_type(ScalarType.Float32);
        Tensor centred = x.to_type(ScalarType.Float32);
        centred = centred - centred.mean([-1], keepdim: true);
        Tensor inverse = centred.square().mean([-1], keepdim: true).add_(epsilon).rsqrt_();
        Tensor normalized = centred.mul_(inverse);
        Tensor projection = (g * normalized).mean([-1], keepdim: true);
        return normalized.mul_(projection).neg_().add_(g).sub_(g.mean([-1], keepdim: true)).mul_(inverse).to_type(x.dtype).MoveToOuterDisposeScope();
    }
}
