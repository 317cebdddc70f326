using TorchSharp;
using TrainingService.Training.Batching;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// Attention over packed pairs: shared tokens attend among themselves once, then chosen and rejected each to the shared
/// tokens and themselves, in blocks of queries that multiply only the keys they may see.
/// </summary>
internal sealed class PackedAttention(IReadOnlyList<PairSpan> spans) : IAttention
{
    /// <summary>Queries a block: larger blocks waste products above the diagonal, smaller ones calls.</summary>
    public const int Block = 128;

    /// <inheritdoc/>
    public IReadOnlyList<SequenceRows> Sequences { get; } = [.. spans.Select(s => new SequenceRows(s.Shared + s.Chosen + s.Rejected, s.Shared + Math.Max(s.Chosen, s.Rejected)))];

    /// <inheritdoc/>
    public Activation Forward(Tape tape, AttentionHeads heads, int layer, Activation qkv, Rotation? rotation)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor q, Tensor k, Tensor v) = Split(heads, qkv.Value);
        Tensor queries = heads.GroupQueries(rotation?.Apply(q) ?? q), keys = AttentionHeads.ByHead(rotation?.Apply(k) ?? k), values = AttentionHeads.ByHead(v);
        Tensor output = empty_like(queries);
        foreach (Part part in Parts(heads))
        {
            using DisposeScope inner = NewDisposeScope();
            output.narrow(2, part.Query, part.Queries).copy_(heads.Attend(queries.narrow(2, part.Query, part.Queries), part.Of(keys), part.Of(values)));
        }
        return tape.Record(heads.Ungroup(output), qkv.RequiresGradient,
            gradient => qkv.Accumulate(Backward(heads, rotation, gradient, queries, keys, values)), null, [], queries, keys, values);
    }

    private Tensor Backward(AttentionHeads heads, Rotation? rotation, Tensor gradient, Tensor queries, Tensor keys, Tensor values)
    {
        using DisposeScope scope = NewDisposeScope();
        long tokens = gradient.shape[0];
        Tensor grouped = gradient.view(tokens, heads.KeyHeads, heads.Group, heads.HeadSize).permute(1, 2, 0, 3).contiguous();
        Tensor queryGradient = empty_like(queries), keyGradient = zeros_like(keys), valueGradient = zeros_like(values);
        foreach (Part part in Parts(heads))
        {
            using DisposeScope inner = NewDisposeScope();
            (Tensor q, Tensor k, Tensor v) = heads.AttendBackward(grouped.narrow(2, part.Query, part.Queries),
                queries.narrow(2, part.Query, part.Queries), part.Of(keys), part.Of(values));
            queryGradient.narrow(2, part.Query, part.Queries).copy_(q);
            part.AddTo(keyGradient, k);
            part.AddTo(valueGradient, v);
        }
        Tensor unscaled = queryGradient.permute(2, 0, 1, 3).reshape(tokens, heads.Heads, heads.HeadSize).mul_(heads.Scale);
        Tensor turnedKeys = keyGradient.transpose(0, 1);
        return cat([
            (rotation?.ApplyTransposed(unscaled) ?? unscaled).reshape(tokens, -1),
            (rotation?.ApplyTransposed(turnedKeys) ?? turnedKeys).reshape(tokens, -1),
            valueGradient.transpose(0, 1).reshape(tokens, -1),
        ], 1).MoveToOuterDisposeScope();
    }

    /// <summary>The three parts of (tokens, (heads + 2 · key heads) · size), as (tokens, heads, size) each.</summary>
    internal static (Tensor Q, Tensor K, Tensor V) Split(AttentionHeads heads, Tensor qkv)
    {
        long tokens = qkv.shape[0], wide = (long)heads.Heads * heads.HeadSize, narrow = (long)heads.KeyHeads * heads.HeadSize;
        return (qkv.narrow(1, 0, wide).view(tokens, heads.Heads, heads.HeadSize),
            qkv.narrow(1, wide, narrow).view(tokens, heads.KeyHeads, heads.HeadSize),
            qkv.narrow(1, wide + narrow, narrow).view(tokens, heads.KeyHeads, heads.HeadSize));
    }

    private IEnumerable<Part> Parts(AttentionHeads heads)
    {
        foreach (PairSpan span in spans)
        {
            for (int s = 0; s < span.Shared; s += Block)
            {
                int n = Math.Min(Block, span.Shared - s);
                yield return new Part(span.Start + s, n, span.Start, s + n, 0, 0).Seen(heads);
            }
            foreach ((int start, int length) in new[] { (span.Start + span.Shared, span.Chosen), (span.Start + span.Shared + span.Chosen, span.Rejected) })
                for (int s = 0; s < length; s += Block)
                {
                    int n = Math.Min(Block, length - s);
                    yield return new Part(start + s, n, span.Start, span.Shared, start, s + n).Seen(heads);
                }
        }
    }

    /// <summary>A block of queries and the one or two runs of keys it sees: the shared ones, and its own completion's.</summary>
    private readonly record struct Part(int Query, int Queries, int Shared, int SharedLength, int Own, int OwnLength)
    {
        /// <summary>Without the keys before the window: positions run on from the shared tokens to the completion's.</summary>
        public Part Seen(AttentionHeads heads)
        {
            int unseen = heads.Unseen(Queries, SharedLength + OwnLength), shared = Math.Min(unseen, SharedLength), own = unseen - shared;
            return this with { Shared = Shared + shared, SharedLength = SharedLength - shared, Own = Own + own, OwnLength = OwnLength - own };
        }

        /// <summary>The visible rows of (key heads, tokens, size).</summary>
        public Tensor Of(Tensor rows) => OwnLength == 0 ? rows.narrow(1, Shared, SharedLength)
            : SharedLength == 0 ? rows.narrow(1, Own, OwnLength)
            : cat([rows.narrow(1, Shared, SharedLength), rows.narrow(1, Own, OwnLength)], 1);

        /// <summary>Adds the gradient of the visible rows to that of all rows.</summary>
        public void AddTo(Tensor rows, Tensor gradient)
        {
            if (SharedLength > 0) rows.narrow(1, Shared, SharedLength).add_(gradient.narrow(1, 0, SharedLength));
            if (OwnLength > 0) rows.narrow(1, Own, OwnLength).add_(gradient.narrow(1, SharedLength, OwnLength));
        }
    }
}
