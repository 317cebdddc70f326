using TorchSharp;
using TrainingService.Training.Batching;
using TrainingService.Training.Generation;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

/// <summary>Windows, caps and scales of scores, and heads of which a part turns or nothing.</summary>
public class WindowedAttentionTests
{
    private const int Heads = 4, KeyHeads = 2, Size = 6;

    public static TheoryData<int?, double?, int, int[]> Cases => new()
    {
        // window, cap, turned elements, (shared, chosen, rejected) of each pair
        { 1, null, 6, [5, 3, 4] },
        { 3, null, 6, [5, 3, 4, 1, 2, 2, 7, 1, 6] },
        { 4, 0.5, 4, [5, 6, 4, 2, 9, 1] },
        { null, 0.7, 6, [5, 3, 4, 3, 0, 2] },
        { 8, null, 0, [4, 12, 3] },
        { 100, null, 2, [9, 3, 4] },
        { 20, 2, 6, [150, 140, 5] }, // windows within blocks
        { 128, null, 6, [130, 260, 10] },
        { 200, null, 6, [300, 30, 150] }, // windows over blocks, from completions into the prompt
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Attention_IsThatOfEachSequenceAlone(int? window, double? cap, int turned, int[] lengths)
    {
        using DisposeScope scope = NewDisposeScope();
        var spans = new List<PairSpan>();
        var positions = new List<long>();
        foreach (int[] pair in lengths.Chunk(3))
        {
            spans.Add(new(positions.Count, pair[0], pair[1], pair[2]));
            foreach ((int from, int count) in new[] { (0, pair[0]), (pair[0], pair[1]), (pair[0], pair[2]) })
                positions.AddRange(Enumerable.Range(from, count).Select(p => (long)p));
        }
        using var heads = new AttentionHeads(Heads, KeyHeads, Size) { Window = window, SoftCap = cap, Scale = 0.3 };
        var attention = new PackedAttention(spans);
        Rotation? rotation = Turning(turned, positions, attention);

        PlainAutograd.AssertSame([PlainAutograd.Normal(1, positions.Count, (Heads + 2 * KeyHeads) * Size)],
            (tape, x) => attention.Forward(tape, heads, 0, x[0], rotation), x => EachAlone(x[0], spans, rotation, heads));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(40)]
    public void CachedAttention_SeesTheSameWindow(int window)
    {
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        const int Tokens = 300;
        using var heads = new AttentionHeads(Heads, KeyHeads, Size) { Window = window, SoftCap = 1.5 };
        var whole = new PackedAttention([new(0, Tokens, 0, 0)]);
        Rotation rotation = Turning(Size, [.. Enumerable.Range(0, Tokens).Select(i => (long)i)], whole)!;
        Tensor qkv = PlainAutograd.Normal(1, Tokens, (Heads + 2 * KeyHeads) * Size);
        using var tape = new Tape(records: false);
        Tensor expected = whole.Forward(tape, heads, 0, tape.Constant(qkv), rotation).Value;

        using var cache = new KeyValueCache(layers: 1);
        int start = 0;
        foreach (int count in new[] { 1, 150, 1, 3, 145 })
        {
            Rotation own = new(rotation.Cos.narrow(0, start, count), rotation.Sin.narrow(0, start, count));
            Tensor part = new CachedAttention([(cache, count)]).Forward(tape, heads, 0, tape.Constant(qkv.narrow(0, start, count)), own).Value;
            PlainAutograd.AssertNear(expected.narrow(0, start, count), part, $"tokens from {start}");
            cache.Advance(count);
            start += count;
        }
        Assert.Equal(Tokens, start);
    }

    private static Rotation? Turning(int turned, List<long> positions, PackedAttention attention)
    {
        if (turned == 0) return null;
        using var rotary = new RotaryEmbedding(new([.. Enumerable.Range(1, turned / 2).Select(i => 1f / i)], Magnitude: 1.2), CPU);
        return rotary.At(tensor(positions), attention.Sequences, ScalarType.Float32);
    }

    private static Tensor EachAlone(Tensor qkv, IEnumerable<PairSpan> spans, Rotation? rotation, AttentionHeads heads)
    {
        var parts = new List<Tensor>();
        foreach (PairSpan span in spans)
        {
            long[] shared = [.. Enumerable.Range(span.Start, span.Shared)];
            long[] chosen = [.. Enumerable.Range(span.Start + span.Shared, span.Chosen)];
            long[] rejected = [.. Enumerable.Range(span.Start + span.Shared + span.Chosen, span.Rejected)];
            parts.Add(Alone([.. shared, .. chosen]));
            parts.Add(Alone([.. shared, .. rejected]).narrow(0, span.Shared, span.Rejected));
        }
        return cat(parts, 0);

        Tensor Alone(long[] rows)
        {
            Tensor at = tensor(rows), own = qkv.index_select(0, at);
            Tensor q = Turn(own.narrow(1, 0, Heads * Size).reshape(-1, Heads, Size)), k = Turn(own.narrow(1, Heads * Size, KeyHeads * Size).reshape(-1, KeyHeads, Size));
            Tensor v = own.narrow(1, (Heads + KeyHeads) * Size, KeyHeads * Size).reshape(-1, KeyHeads, Size);
            Tensor scores = einsum("qhd,khd->hqk", q, k.repeat_interleave(2, 1)) * heads.Scale;
            if (heads.SoftCap is { } cap) scores = (scores / cap).tanh() * cap;
            Tensor distance = arange(rows.Length).unsqueeze(1) - arange(rows.Length).unsqueeze(0);
            Tensor hidden = distance.lt(0).logical_or(distance.ge(heads.Window ?? int.MaxValue));
            Tensor weights = scores.masked_fill(hidden, double.NegativeInfinity).softmax(-1);
            return einsum("hqk,khd->qhd", weights, v.repeat_interleave(2, 1)).reshape(-1, Heads * Size);

            Tensor Turn(Tensor t)
            {
                if (rotation is null) return t;
                Tensor cos = rotation.Cos.index_select(0, at), sin = rotation.Sin.index_select(0, at);
                long half = cos.shape[2];
                Tensor a = t.narrow(2, 0, half), b = t.narrow(2, half, half);
                return cat([a * cos - b * sin, b * cos + a * sin, t.narrow(2, 2 * half, Size - 2 * half)], 2);
            }
        }
    }
}
