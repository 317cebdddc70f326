using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>Queries, keys and values that a checkpoint lays out head by head, laid out one after the other.</summary>
internal static class HeadwiseQkv
{
    /// <summary>(tokens, heads · 3 · size) → (tokens, 3 · heads · size).</summary>
    public static Activation Forward(Tape tape, AttentionHeads heads, Activation qkv)
    {
        using DisposeScope scope = NewDisposeScope();
        return tape.Record(Exchanged(qkv.Value, heads.Heads, 3), qkv.RequiresGradient, gradient => qkv.Accumulate(Exchanged(gradient, 3, heads.Heads)));
    }

    /// <summary>(tokens, outer · inner · size) → (tokens, inner · outer · size).</summary>
    private static Tensor Exchanged(Tensor x, int outer, int inner)
    {
        using DisposeScope scope = NewDisposeScope();
        return x.view(x.shape[0], outer, inner, -1).transpose(1, 2).reshape(x.shape[0], -1).MoveToOuterDisposeScope();
    }
}
