using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using TrainingService.Training.Native;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>A decoder of any architecture: token ids in, hidden states and logits out.</summary>
/// <param name="shape">Its sizes.</param>
/// <param name="parts">Its weights, which it owns from now on.</param>
internal abstract class CausalLanguageModel(DecoderShape shape, DecoderParts parts) : IDisposable
{
    /// <summary>Where the weights are.</summary>
    public Device Device => parts.Device;

    /// <summary>Type of the frozen weights and of the arithmetic.</summary>
    public ScalarType Dtype => parts.Dtype;

    /// <summary>Tokens of the vocabulary, as the embedding counts them.</summary>
    public int VocabularySize => shape.Vocabulary;

    /// <summary>Decoder layers.</summary>
    public int LayerCount => shape.Layers;

    /// <summary>Positions the model was made for.</summary>
    public int ContextLength => shape.Context;

    /// <summary>A text that grows beyond so many tokens is read anew, since its keys so far are turned otherwise; null when none is.</summary>
    public int? RereadsBeyond => parts.RereadsBeyond;

    /// <summary>What an adapter may change.</summary>
    public AdaptableModules Adaptable => parts.Adaptable;

    /// <summary>Its sizes.</summary>
    protected DecoderShape Shape => shape;

    /// <summary>The vocabulary projection.</summary>
    public abstract CompletionHead Head { get; }

    /// <summary>Runs the decoder without its last norm.</summary>
    /// <param name="tape">Records the pass.</param>
    /// <param name="ids">Token ids, (tokens,).</param>
    /// <param name="positions">Positions within their sequences, (tokens,).</param>
    /// <param name="attention">How the tokens see each other.</param>
    /// <param name="adapter">The adapter, or null for the base model.</param>
    /// <param name="rows">Rows that the head is asked about, one of them perhaps twice; null for all. The others end at the last layer's attention.</param>
    /// <returns>(rows, hidden).</returns>
    public abstract Activation Forward(Tape tape, Tensor ids, Tensor positions, IAttention attention, LoraAdapter? adapter, Tensor? rows = null);

    /// <summary>The last norm: (rows, hidden) → (rows, hidden).</summary>
    public abstract Activation Norm(Tape tape, Activation hidden);

    /// <summary>In the last layer, goes on with the rows that the head is asked about, after attention has seen all.</summary>
    protected (Activation Attended, Activation Residual) AskedRows(Tape tape, int layer, Activation attended, Activation residual, Tensor? rows) =>
        rows is null || layer < LayerCount - 1 ? (attended, residual) : (SelectRows.Forward(tape, attended, rows), SelectRows.Forward(tape, residual, rows));

    /// <inheritdoc/>
    public void Dispose() => parts.Dispose();

    /// <summary>Loads a model folder in Hugging Face's form.</summary>
    /// <exception cref="ModelFormatException">The architecture, a setting of it or a file is not supported or not sound.</exception>
    /// <param name="folder">The folder.</param>
    /// <param name="computeType">Type of the frozen weights and of the arithmetic.</param>
    /// <param name="device">Where the weights go; null takes the GPU when there is one.</param>
    /// <param name="loadIn4Bit">Whether the linear layers' weights are kept as NF4; embeddings, norms and head are not.</param>
    public static CausalLanguageModel Load(string folder, ComputeType computeType, Device? device = null, bool loadIn4Bit = false)
    {
        TorchRuntime.Initialize();
        ModelConfig config = ModelConfig.Load(folder);
        if (!Architectures.ByModelType.TryGetValue(config.ModelType, out Architecture? architecture))
            throw new ModelFormatException($"config.json has model_type = {config.ModelType}; supported are {string.Join(", ", Architectures.ByModelType.Keys)}.");
        ScalarType dtype = computeType == ComputeType.Float32 ? ScalarType.Float32 : ScalarType.BFloat16;
        Device place = device ?? TorchRuntime.DefaultDevice();
        using var weights = new ModelWeights(folder, dtype, place, StoredQuantization.Of(config));
        using var _ = no_grad();
        var parts = new DecoderParts(weights, place, dtype, loadIn4Bit);
        try
        {
            CausalLanguageModel model = architecture(config, parts);
            NativeHeap.GiveFreedMemoryBack();
            return model;
        }
        catch
        {
            parts.Dispose();
            throw;
        }
    }
}
