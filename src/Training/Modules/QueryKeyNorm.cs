using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>Norms of queries and keys before they are turned (Dehghani et al., 2023, arXiv 2302.05442); values pass.</summary>
/// <param name="query">Norm of the queries, over each head or over all heads together, as its scale's size says.</param>
/// <param name="key">Norm of the keys, likewise.</param>
/// <param name="heads">How queries, keys and values lie.</param>
internal sealed class QueryKeyNorm(RmsNorm query, RmsNorm key, AttentionHeads heads)
{
    private readonly long _queries = (long)heads.Heads * heads.HeadSize;
    private readonly long _keys = (long)heads.KeyHeads * heads.HeadSize;

    /// <summary>(tokens, (heads + 2 · key heads) · size) → the same. The output is computed again in the backward pass rather than kept.</summary>
    public Activation Forward(Tape tape, Activation qkv)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor qInverse = query.Inverse(Queries(qkv.Value)), kInverse = key.Inverse(Keys(qkv.Value));
        return tape.Record(Normalized(qkv.Value, qInverse, kInverse), qkv.RequiresGradient,
            gradient => qkv.Accumulate(Backward(gradient, qkv.Value, qInverse, kInverse)),
            () => Normalized(qkv.Value, qInverse, kInverse), [qkv], qInverse, kInverse);
    }

    private Tensor Normalized(Tensor qkv, Tensor qInverse, Tensor kInverse)
    {
        using DisposeScope scope = NewDisposeScope();
        return Joined(query.Normalized(Queries(qkv), qInverse), key.Normalized(Keys(qkv), kInverse), qkv);
    }

    private Tensor Backward(Tensor gradient, Tensor qkv, Tensor qInverse, Tensor kInverse)
    {
        using DisposeScope scope = NewDisposeScope();
        return Joined(query.Backward(Queries(gradient), Queries(qkv), qInverse), key.Backward(Keys(gradient), Keys(qkv), kInverse), gradient);
    }

    /// <summary>(tokens, parts, elements normed together).</summary>
    private Tensor Queries(Tensor qkv) => qkv.narrow(1, 0, _queries).view(qkv.shape[0], -1, query.Size);

    private Tensor Keys(Tensor qkv) => qkv.narrow(1, _queries, _keys).view(qkv.shape[0], -1, key.Size);

    private Tensor Joined(Tensor q, Tensor k, Tensor qkv) =>
        cat([q.view(qkv.shape[0], -1), k.view(qkv.shape[0], -1), qkv.narrow(1, _queries + _keys, _keys)], 1).MoveToOuterDisposeScope();
}
