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
    private Tensor? _past;

    /// <summary>Query heads a key head.</summary>
    public int Group => Heads / KeyHeads;

    /// <summary>Multiplies the scores.</summary>
    public double Scale { get; init; } = 1 / Math.Sqrt(HeadSize);

    /// <summary>Bounds the scores to ± this, smoothly: cap · tanh(score / cap); null leaves them.</summary>
    public double? SoftCap { get; init; }

    /// <summary>A query sees so many tokens, its own among them; null is all before it.</summary>
    public int? Window { get; init; }

    /// <summary>Of so many keys, of which the last belong to the queries themselves, how many of the first no query sees.</summary>
    public int Unseen(int queries, int keys) => Window is { } window ? Math.Max(0, keys - queries - window + 1) : 0;

    /// <summary>(tokens, heads, size) → (key heads, group, tokens, size), scaled.</summary>
    public Tensor GroupQueries(Tensor q)
    {
        using DisposeScope scope = NewDisposeScope();
        return (q * Scale).view(q.shape[0], KeyHeads, Group, HeadSize).permute(1, 2, 0, 3).contiguous().MoveToOuterDisposeScope();
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

    /// <summary>Attention's output for a block, (key heads, group, queries, size).</summary>
    /// <param name="q">Grouped queries, (key heads, group, queries, size).</param>
    /// <param name="k">Keys, (key heads, keys, size), of which the last belong to the queries themselves; without the unseen ones.</param>
    /// <param name="v">Values, like the keys.</param>
    public Tensor Attend(Tensor q, Tensor k, Tensor v)
    {
        using DisposeScope scope = NewDisposeScope();
        return Weights(q, k).Weights.bmm(v).view(KeyHeads, Group, -1, HeadSize).MoveToOuterDisposeScope();
    }

    /// <summary>Gradients of a block's queries (key heads, group, queries, size), keys and values (key heads, keys, size).</summary>
    public (Tensor Q, Tensor K, Tensor V) AttendBackward(Tensor gradient, Tensor q, Tensor k, Tensor v)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor flat = gradient.reshape(KeyHeads, -1, HeadSize);
        (Tensor weights, Tensor? tanh) = Weights(q, k);
        Tensor scores = AtenOperators.SoftmaxBackward(flat.bmm(v.transpose(1, 2)), weights);
        if (tanh is not null) scores.addcmul_(scores * tanh, tanh, -1); // tanh' = 1 − tanh²
        Tensor qGradient = scores.bmm(k).view(KeyHeads, Group, -1, HeadSize);
        Tensor kGradient = scores.transpose(1, 2).bmm(q.reshape(KeyHeads, -1, HeadSize));
        Tensor vGradient = weights.transpose(1, 2).bmm(flat);
        return (qGradient.MoveToOuterDisposeScope(), kGradient.MoveToOuterDisposeScope(), vGradient.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _future?.Dispose();
        _past?.Dispose();
    }

    /// <summary>
    /// Attention weights, (key heads, group · queries, keys), and the capped scores' tanh: the last queries × queries block
    /// is causal, of the keys before it those within the window are visible.
    /// </summary>
    private (Tensor Weights, Tensor? Tanh) Weights(Tensor q, Tensor k)
    {
        using DisposeScope scope = NewDisposeScope();
        long queries = q.shape[2], keys = k.shape[1];
        Tensor scores = q.reshape(KeyHeads, -1, HeadSize).bmm(k.transpose(1, 2));
        Tensor? tanh = null;
        if (SoftCap is { } cap)
        {
            tanh = scores.div_(cap).tanh_();
            scores = tanh * cap;
        }
        Tensor byHead = scores.view(Heads, queries, keys);
        if (queries > 1) byHead.narrow(2, keys - queries, queries).add_(Future(queries, q.dtype, q.device));
        if (Window is { } window && keys > window) byHead.narrow(2, 0, keys - window).add_(Past(queries, keys - window, q.dtype, q.device));
        return (scores.softmax(-1).MoveToOuterDisposeScope(), tanh?.MoveToOuterDisposeScope());
    }

    /// <summary>−∞ above the diagonal, (n, n): the first corner of one that is kept.</summary>
    private Tensor Future(long n, ScalarType dtype, Device device) =>
        Mask(ref _future, n, dtype, device, upper: true).narrow(0, 0, n).narrow(1, 0, n);

    /// <summary>−∞ for the keys that left the window, (queries, keys before the last window): the last corner of one that is kept.</summary>
    private Tensor Past(long queries, long keys, ScalarType dtype, Device device)
    {
        Tensor mask = Mask(ref _past, queries, dtype, device, upper: false);
        return mask.narrow(0, mask.shape[0] - queries, queries).narrow(1, mask.shape[0] - keys, keys);
    }

    private static Tensor Mask(ref Tensor? kept, long n, ScalarType dtype, Device device, bool upper)
    {
        if (kept is null || kept.shape[0] < n || kept.dtype != dtype || kept.device_type != device.type)
        {
            kept?.Dispose();
            using Tensor infinite = full([Math.Max(n, PackedAttention.Block), Math.Max(n, PackedAttention.Block)], double.NegativeInfinity, dtype, device);
            kept = (upper ? infinite.triu(1) : infinite.tril(0)).DetachFromDisposeScope();
        }
        return kept;
    }
}
