using TorchSharp;
using TrainingService.Training.Native;
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
            gradient => gateAndUp.Accumulate(AtenOperators.GatedSiluBackward(gradient, gateAndUp.Value)), () => Gated(gateAndUp.Value), [gateAndUp]);
    }

    /// <summary>(tokens, 2 · width) → (tokens, width).</summary>
    public static Tensor Gated(Tensor gateAndUp)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] halves = gateAndUp.chunk(2, 1);
        return nn.functional.silu(halves[0]).mul_(halves[1]).MoveToOuterDisposeScope();
    }
}
