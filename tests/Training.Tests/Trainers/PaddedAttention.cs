using TorchSharp;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Trainers;

/// <summary>Attention of a padded batch as transformers has it: sequences of one width, each padded behind its end; padding sees the tokens and is seen by nothing.</summary>
/// <param name="lengths">Tokens of each sequence.</param>
/// <param name="width">Its rows, padding among them.</param>
internal sealed class PaddedAttention(IReadOnlyList<int> lengths, int width) : IAttention
{
    public IReadOnlyList<SequenceRows> Sequences { get; } = [.. lengths.Select(_ => new SequenceRows(width, width))];

    public Activation Forward(Tape tape, AttentionHeads heads, int layer, Activation qkv, Rotation? rotation)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor q, Tensor k, Tensor v) = PackedAttention.Split(heads, qkv.Value);
        Tensor queries = heads.GroupQueries(rotation?.Apply(q) ?? q), keys = AttentionHeads.ByHead(rotation?.Apply(k) ?? k), values = AttentionHeads.ByHead(v);
        Tensor position = arange(width), causal = position.unsqueeze(0) <= position.unsqueeze(1);
        Tensor output = cat([.. lengths.Select((length, i) =>
        {
            Tensor seen = causal.logical_and(position.unsqueeze(0) < length);
            Tensor scores = queries.narrow(2, i * width, width).reshape(heads.KeyHeads, -1, heads.HeadSize).bmm(keys.narrow(1, i * width, width).transpose(1, 2));
            Tensor weights = scores.view(heads.Heads, width, width).masked_fill(seen.logical_not(), double.NegativeInfinity).softmax(-1);
            return weights.view(heads.KeyHeads, -1, width).bmm(values.narrow(1, i * width, width)).view(heads.KeyHeads, heads.Group, width, heads.HeadSize);
        })], 2);
        return tape.Constant(heads.Ungroup(output).MoveToOuterDisposeScope());
    }
}
