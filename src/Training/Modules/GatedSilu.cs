using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>The gate of SwiGLU (Shazeer, 2020, arXiv 2002.05202): silu(gate) · up, from gate and up side by side.</summary>
internal static class GatedSilu
{
    /// <summary>(tokens, 2 · width) → (tokens, width). The output is computed again in the backward pass rather than kept.</summary>
    public static Activation Forward(Tape tape, Activation gateAndUp)
    {
        using DisposeScope scope = NewDisposeScope();
        return tape.Record(Gated(gateAndUp.Value), gateAndUp.RequiresGradient,
            gradient => gateAndUp.Accumulate(Backward(gradient, gateAndUp.Value)), () => Gated(gateAndUp.Value), [gateAndUp]);
    }

    /// <summary>(tokens, 2 · width) → (tokens, width).</summary>
    public static Tensor Gated(Tensor gateAndUp)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] halves = gateAndUp.chunk(2, 1);
        return nn.functional.silu(halves[0]).mul_(halves[1]).MoveToOuterDisposeScope();
    }

    /// <summary>Gradient of gate and up, (tokens, 2 · width), from that of the output.</summary>
    public static Tensor Backward(Tensor gradient, Tensor gateAndUp)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] halves = gateAndUp.chunk(2, 1);
        (Tensor gate, Tensor up) = (halves[0], halves[1]);
        Tensor result = empty_like(gateAndUp);
        Tensor[] results = result.chunk(2, 1);
        Tensor sigmoid = gate.sigmoid(), silu = sigmoid * gate;
        results[1].copy_(gradient).mul_(silu);
        // silu' = σ + silu · (1 − σ) = σ + silu − silu · σ
        results[0].copy_(gradient).mul_(up).mul_(sigmoid.addcmul(silu, sigmoid, -1).add_(silu));
        return result.MoveToOuterDisposeScope();
    }
}
