using TorchSharp;
using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

public class TokenEmbeddingTests
{
    private const int Vocabulary = 7, Hidden = 64;
    private static readonly long[] s_ids = [1, 4, 1, 6];

    [Fact]
    public void TrainedCopy_TakesTheMatrixsPlace_AndGetsItsGradient()
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        var matrix = new VocabularyMatrix("model.embed_tokens", PlainAutograd.Normal(1, Vocabulary, Hidden));
        using LoraAdapter adapter = VocabularyAdapter.Of(matrix, seed: 2);
        using var tape = new Tape(records: true);
        Tensor ids = tensor(s_ids), gradient = PlainAutograd.Normal(3, 4, Hidden), copied = adapter.Copies.Single().Weight.clone();

        Activation output = new TokenEmbedding(matrix, scale: 3).Forward(tape, ids, new PackedAttention([new(0, 4, 0, 0)]), adapter);
        PlainAutograd.AssertNear(copied.index_select(0, ids) * 3, output.Value, "embeddings");
        tape.Backward(output, gradient.clone());

        // Token 1 stands twice: its row adds up both gradients.
        Tensor expected = zeros(Vocabulary, Hidden);
        for (int i = 0; i < s_ids.Length; i++) expected[s_ids[i]] += gradient[i] * 3;
        PlainAutograd.AssertNear(expected, adapter.Copies.Single().Gradient!, "gradient of the copy");
        Assert.False(new TokenEmbedding(matrix).Forward(tape, ids, new PackedAttention([new(0, 4, 0, 0)]), adapter: null).RequiresGradient);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 3)]
    public void Noise_IsBoundedBySequenceLength_AndOneOfItsSeed(bool scalesNoise, double factor)
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        var matrix = new VocabularyMatrix("model.embed_tokens", zeros(Vocabulary, Hidden));
        using LoraAdapter adapter = VocabularyAdapter.Of(matrix, seed: 2);
        adapter.Copies.Single().Weight.zero_();
        var embedding = new TokenEmbedding(matrix, scale: 3, scalesNoise);
        // A pair of one shared token, two chosen and one rejected, three tokens long, and a single text of two.
        var attention = new PackedAttention([new(0, 1, 2, 1), new(4, 2, 0, 0)]);
        Tensor ids = tensor([1L, 2, 3, 4, 5, 6]);
        Tensor Noise(long seed, double? alpha)
        {
            using var tape = new Tape(records: false);
            adapter.Noise.Begin(seed, alpha);
            return embedding.Forward(tape, ids, attention, adapter).Value.clone();
        }

        Tensor noise = Noise(1, 5);
        double pair = noise.narrow(0, 0, 4).abs().max().ToDouble(), text = noise.narrow(0, 4, 2).abs().max().ToDouble();
        double pairBound = factor * 5 / Math.Sqrt(3 * Hidden), textBound = factor * 5 / Math.Sqrt(2 * Hidden);

        // Uniform: the largest of a hundred and more draws comes near the bound.
        Assert.InRange(pair, 0.9 * pairBound, pairBound);
        Assert.InRange(text, 0.9 * textBound, textBound);
        Assert.InRange(Math.Abs(noise.mean().ToDouble()), 0, 0.2 * pairBound);
        Assert.Equal(0, Golden.Difference(noise, Noise(1, 5)));
        Assert.NotEqual(0, Golden.Difference(noise, Noise(2, 5)));
        Assert.Equal(0, Noise(1, null).abs().max().ToDouble());
        adapter.Noise.Begin(1, 5);
        adapter.Noise.End();
        Assert.Null(adapter.Noise.EmbeddingNoise(attention.Sequences, Hidden));
    }
}
