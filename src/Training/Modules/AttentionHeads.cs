using TorchSharp;
using TrainingService.Training.Native;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// Grouped-query attention (Ainslie et al., 2023, arXiv 2305.13245) of a block of queries over the keys it may see: query
/// heads lie on their key head, so that keys are shared without copies. Scores are recomputed in the backward pass.
/// On a CPU this beats libtorch's fused kernel several times over in the backward pass (docs/decisions/0003-tape.md).
/// </summary>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyHeads">Key and value heads.</param>
/// <param name="HeadSize">Elements a head.</param>
internal sealed record AttentionHeads(int Heads, int KeyHeads, int HeadSize) : IDisposable
{
    private Tensor? _future;

    /// <summary>Query heads a key head.</summary>
    public int Group => Heads / KeyHeads;

    /// <summary>(tokens, heads, size) → (key heads, group, tokens, size), scaled by 1 / √size.</summary>
    public Tensor GroupQueries(Tensor q)
    {
        using DisposeScope scope = NewDisposeScope();
        return (q * (1 / Math.Sqrt(HeadSize))).view(q.shape[0], KeyHeads, Group, HeadSize).permute(1, 2, 0, 3).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>(tokens, key heads, size) → (key heads, tokens, size).</summary>
    public static Tensor ByHead(Tensor keys)
    {
        using DisposeScope scope = NewDisposeScope();
        return keys.transpose(0, 1).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>(key heads, group, tokens, size) → (tokens, heads · size).</summary>
    public Tensor Ungroup(Tensor grouped)
    {
        using DisposeScope scope = NewDisposeScope();
        return grouped.permute(2, 0, 1, 3).reshape(grouped.shape[2], Heads * HeadSize).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Attention weights, (key heads, group · queries, keys): the last queries × queries block is causal, all keys before it
    /// are visible.
    /// </summary>
    /// <param name="q">Grouped queries, (key heads, group, queries, size).</param>
    /// <param name="k">Keys, (key heads, keys, size), of which the last belong to the queries themselves.</param>
    public Tensor Weights(Tensor q, Tensor k)
    {
        using DisposeScope scope = NewDisposeScope();
        long queries = q.shape[2], keys = k.shape[1];
        Tensor scores = q.reshape(KeyHeads, -1, HeadSize).bmm(k.transpose(1, 2));
        if (queries > 1)
            scores.view(Heads, queries, keys).narrow(2, keys - queries, queries).add_(Future(queries, q.dtype, q.device));
        return scores.softmax(-1).MoveToOuterDisposeScope();
    }

    /// <summary>Attention's output for a block, (key heads, group, queries, size).</summary>
    public Tensor Attend(Tensor q, Tensor k, Tensor v)
    {
        using DisposeScope scope = NewDisposeScope();
        return Weights(q, k).bmm(v).view(KeyHeads, Group, -1, HeadSize).MoveToOuterDisposeScope();
    }

    /// <summary>Gradients of a block's queries (key heads, group, queries, size), keys and values (key heads, keys, size).</summary>
    public (Tensor Q, Tensor K, Tensor V) AttendBackward(Tensor gradient, Tensor q, Tensor k, Tensor v)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor flat = gradient.reshape(KeyHeads, -1, HeadSize);
        Tensor weights = Weights(q, k);
        Tensor scores = AtenOperators.SoftmaxBackward(flat.bmm(v.transpose(1, 2)), weights);
        Tensor qGradient = scores.bmm(k).view(KeyHeads, Group, -1, HeadSize);
        Tensor kGradient = scores.transpose(1, 2).bmm(q.reshape(KeyHeads, -1, HeadSize));
        Tensor vGradient = weights.transpose(1, 2).bmm(flat);
        return (qGradient.MoveToOuterDisposeScope(), kGradient.MoveToOuterDisposeScope(), vGradient.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose() => _future?.Dispose();

    /// <summary>−∞ above the diagonal, (n, n): one of full block size is kept, smaller ones are its corner.</summary>
    private Tensor Future(long n, ScalarType dtype, Device device)
    {
        if (_future is null || _future.shape[0] < n || _future.dtype != dtype || _future.device_type != device.type)
        {
            _future?.Dispose();
            _future = full([Math.Max(n, PackedAttention.Block), Math.Max(n, PackedAttention.Block)], double.NegativeInfinity, dtype, device).triu_(1).DetachFromDisposeScope();
        }
        return _future.narrow(0, 0, n).narrow(1, 0, n);
    }
}
