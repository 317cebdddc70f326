using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>A branch added to the residual stream, for branches that do not end in a projection that adds itself.</summary>
internal static class ResidualSum
{
    /// <summary>residual + scale · branch, (tokens, hidden) each.</summary>
    public static Activation Forward(Tape tape, Activation residual, Activation branch, double scale = 1)
    {
        using DisposeScope scope = NewDisposeScope();
        return tape.Record(residual.Value.add(branch.Value, scale), residual.RequiresGradient || branch.RequiresGradient, gradient =>
        {
            if (branch.RequiresGradient) branch.Accumulate(gradient * scale);
            if (residual.RequiresGradient) residual.Accumulate(gradient);
        });
    }
}
