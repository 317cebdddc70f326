using TorchSharp;
using TrainingService.Training.Adapters;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>The rows of tokens from the vocabulary's matrix, or from the copy of it that an adapter trains.</summary>
/// <param name="matrix">(vocabulary, hidden).</param>
/// <param name="scale">The architecture's factor of embeddings.</param>
/// <param name="scalesNoise">Whether the factor applies to NEFTune's noise too, as where transformers multiplies outside the embedding.</param>
internal sealed class TokenEmbedding(VocabularyMatrix matrix, double scale = 1, bool scalesNoise = false)
{
    /// <summary>What it looks up.</summary>
    public VocabularyMatrix Matrix => matrix;

    /// <summary>(tokens,) → (tokens, hidden).</summary>
    public Activation Forward(Tape tape, Tensor ids, IAttention attention, LoraAdapter? adapter)
    {
        using DisposeScope scope = NewDisposeScope();
        TrainedCopy? copy = adapter?.Find(matrix);
        Tensor value = (copy?.Weight ?? matrix.Weight).index_select(0, ids).to_type(matrix.Weight.dtype);
        if (scale != 1) value.mul_(scale);
        if (adapter?.Noise.EmbeddingNoise(attention.Sequences, value.shape[1]) is { } noise) value.add_(noise.to_type(value.dtype), scalesNoise ? scale : 1);
        return tape.Record(value, copy?.Gradient is not null,
            gradient => OrderedSums.Add(copy!.Gradient!, ids, gradient.to_type(ScalarType.Float32) * scale));
    }
}
