using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>Takes the rows that the head is asked about; a row may be taken twice.</summary>
internal static class SelectRows
{
    /// <summary>(tokens, hidden) → (rows, hidden).</summary>
    public static Activation Forward(Tape tape, Activation x, Tensor rows)
    {
        using DisposeScope scope = NewDisposeScope();
        long[] shape = x.Value.shape;
        return tape.Record(x.Value.index_select(0, rows), x.RequiresGradient,
            gradient => x.Accumulate(zeros(shape, gradient.dtype, gradient.device).index_add_(0, rows, gradient, 1)));
    }
}
