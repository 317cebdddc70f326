using TorchSharp;
using TrainingService.Training.Native;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>Gaussian error linear units (Hendrycks and Gimpel, 2016, arXiv 1606.08415), exact or by their tanh approximation.</summary>
/// <param name="tanh">Whether by the approximation.</param>
internal sealed class Gelu(bool tanh)
{
    /// <summary>x · Φ(x).</summary>
    public static readonly Gelu Exact = new(tanh: false);

    /// <summary>½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).</summary>
    public static readonly Gelu Tanh = new(tanh: true);

    /// <summary>(tokens, width) → (tokens, width). The output is computed again in the backward pass rather than kept.</summary>
    public Activation Forward(Tape tape, Activation x)
    {
        using DisposeScope scope = NewDisposeScope();
        return tape.Record(Value(x.Value), x.RequiresGradient, gradient => x.Accumulate(Backward(gradient, x.Value)), () => Value(x.Value), [x]);
    }

    /// <summary>gelu(gate) · up from gate and up side by side, (tokens, 2 · width) → (tokens, width); likewise computed again.</summary>
    public Activation Gate(Tape tape, Activation gateAndUp)
    {
        using DisposeScope scope = NewDisposeScope();
        return tape.Record(Gated(gateAndUp.Value), gateAndUp.RequiresGradient,
            gradient => gateAndUp.Accumulate(GatedBackward(gradient, gateAndUp.Value)), () => Gated(gateAndUp.Value), [gateAndUp]);
    }

    private Tensor Value(Tensor x) => AtenOperators.Gelu(x, tanh);

    private Tensor Backward(Tensor gradient, Tensor x) => AtenOperators.GeluBackward(gradient, x, tanh);

    private Tensor Gated(Tensor gateAndUp)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] halves = gateAndUp.chunk(2, 1);
        return Value(halves[0]).mul_(halves[1]).MoveToOuterDisposeScope();
    }

    private Tensor GatedBackward(Tensor gradient, Tensor gateAndUp)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] halves = gateAndUp.chunk(2, 1);
        return cat([Backward(gradient * halves[1], halves[0]), gradient * Value(halves[0])], 1).MoveToOuterDisposeScope();
    }
}
