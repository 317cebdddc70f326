using TorchSharp;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Generation;

/// <summary>Attention of several sequences decoded together: each one's new tokens see its own cache and themselves.</summary>
/// <param name="sequences">Each sequence's cache and how many new tokens it has, in the order of the rows.</param>
internal sealed class CachedAttention(IReadOnlyList<(KeyValueCache Cache, int Tokens)> sequences) : IAttention
{
    /// <inheritdoc/>
    public IReadOnlyList<SequenceRows> Sequences { get; } = [.. sequences.Select(s => new SequenceRows(s.Tokens, s.Cache.Length + s.Tokens))];

    /// <inheritdoc/>
    public Activation Forward(Tape tape, AttentionHeads heads, int layer, Activation qkv, Rotation? rotation)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor q, Tensor k, Tensor v) = PackedAttention.Split(heads, qkv.Value);
        Tensor queries = heads.GroupQueries(rotation?.Apply(q) ?? q), keys = AttentionHeads.ByHead(rotation?.Apply(k) ?? k), values = AttentionHeads.ByHead(v);
        Tensor output = empty_like(queries);
        int start = 0;
        foreach ((KeyValueCache cache, int tokens) in sequences)
        {
            (Tensor allKeys, Tensor allValues) = cache.Append(layer, keys.narrow(1, start, tokens), values.narrow(1, start, tokens));
            for (int block = 0; block < tokens; block += PackedAttention.Block)
            {
                using DisposeScope inner = NewDisposeScope();
                int n = Math.Min(PackedAttention.Block, tokens - block), length = cache.Length + block + n, unseen = heads.Unseen(n, length);
                output.narrow(2, start + block, n).copy_(heads.Attend(queries.narrow(2, start + block, n), allKeys.narrow(1, unseen, length - unseen), allValues.narrow(1, unseen, length - unseen)));
            }
            start += tokens;
        }
        return tape.Constant(heads.Ungroup(output));
    }
}
