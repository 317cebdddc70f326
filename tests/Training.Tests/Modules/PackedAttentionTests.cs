using TorchSharp;
using TrainingService.Training.Batching;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

public class PackedAttentionTests
{
    private static readonly AttentionHeads s_heads = new(Heads: 4, KeyHeads: 2, HeadSize: 6);

    public static TheoryData<string, int[]> Spans => new()
    {
        // shared, chosen, rejected of each pair
        { "one pair", [5, 3, 4] },
        { "several pairs", [5, 3, 4, 1, 2, 2, 7, 1, 6] },
        { "nothing of chosen beyond the shared tokens", [6, 0, 3] },
        { "nothing of rejected", [6, 2, 0] },
        { "the prompt alone", [9, 0, 0] },
        { "nothing shared", [0, 4, 3] },
        { "completions of one token", [4, 1, 1, 3, 1, 1] },
        { "more than one block", [150, 140, 5] },
        { "exactly blocks", [128, 128, 256] },
    };

    [Theory]
    [MemberData(nameof(Spans))]
    public void Attention_IsThatOfEachSequenceAlone(string what, int[] lengths)
    {
        Assert.NotEmpty(what);
        using DisposeScope scope = NewDisposeScope();
        var spans = new List<PairSpan>();
        var positions = new List<long>();
        foreach (int[] pair in lengths.Chunk(3))
        {
            spans.Add(new(positions.Count, pair[0], pair[1], pair[2]));
            foreach ((int from, int count) in new[] { (0, pair[0]), (pair[0], pair[1]), (pair[0], pair[2]) })
                positions.AddRange(Enumerable.Range(from, count).Select(p => (long)p));
        }
        Rotation rotation = new RotaryEmbedding(new([1f, 0.3f, 0.05f]), CPU).At(tensor(positions), [], ScalarType.Float32);

        PlainAutograd.AssertSame([PlainAutograd.Normal(1, positions.Count, (4 + 2 * 2) * 6)],
            (tape, x) => new PackedAttention(spans).Forward(tape, s_heads, 0, x[0], rotation),
            x => EachAlone(x[0], spans, rotation));
    }

    /// <summary>Every sequence by the textbook, and of the shared rows only the first sequence's result, which is equal.</summary>
    private static Tensor EachAlone(Tensor qkv, IEnumerable<PairSpan> spans, Rotation rotation)
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
            if (rows.Length == 0) return zeros(0, 24);
            Tensor at = tensor(rows), own = qkv.index_select(0, at);
            Tensor cos = rotation.Cos.index_select(0, at), sin = rotation.Sin.index_select(0, at);
            Tensor q = Turn(own.narrow(1, 0, 24).reshape(-1, 4, 6)), k = Turn(own.narrow(1, 24, 12).reshape(-1, 2, 6)), v = own.narrow(1, 36, 12).reshape(-1, 2, 6);
            Tensor scores = einsum("qhd,khd->hqk", q, k.repeat_interleave(2, 1)) / Math.Sqrt(6);
            Tensor future = ones(rows.Length, rows.Length).triu(1).@bool();
            Tensor weights = scores.masked_fill(future, double.NegativeInfinity).softmax(-1);
            return einsum("hqk,khd->qhd", weights, v.repeat_interleave(2, 1)).reshape(-1, 24);

            Tensor Turn(Tensor t)
            {
                Tensor a = t.narrow(2, 0, 3), b = t.narrow(2, 3, 3);
                return cat([a * cos - b * sin, b * cos + a * sin], 2);
            }
        }
    }
}
