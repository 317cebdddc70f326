using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using TrainingService.Training.Native;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>A decoder of any architecture: token ids in, hidden states and logits out.</summary>
internal abstract class CausalLanguageModel : IDisposable
{
    /// <summary>Where the weights are.</summary>
    public required Device Device { get; init; }

    /// <summary>Type of the frozen weights and of the arithmetic.</summary>
    public required ScalarType Dtype { get; init; }

    /// <summary>Tokens of the vocabulary, as the embedding counts them.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Decoder layers.</summary>
    public abstract int LayerCount { get; }

    /// <summary>Positions the model was made for.</summary>
    public abstract int ContextLength { get; }

    /// <summary>All linear layers of the decoder that may be adapted, in forward order.</summary>
    public abstract IReadOnlyList<LinearLayer> LinearLayers { get; }

    /// <summary>The attention heads of a layer, for key–value caches.</summary>
    public abstract AttentionHeads Heads { get; }

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

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Loads a model folder in Hugging Face's form.</summary>
    /// <exception cref="ModelFormatException">The architecture, a setting of it or a file is not supported or not sound.</exception>
    public static CausalLanguageModel Load(string folder, ComputeType computeType, Device? device = null)
    {
        TorchRuntime.Initialize();
        Device place = device ?? TorchRuntime.DefaultDevice();
        ScalarType dtype = computeType == ComputeType.Float32 ? ScalarType.Float32 : ScalarType.BFloat16;
        ModelConfig config = ModelConfig.Load(folder);
        config.Refuse("quantization_config", "quantised weights are not supported; use the unquantised model.");
        using var weights = new ModelWeights(folder, dtype, place);
        using var _ = no_grad();
        return config.ModelType switch
        {
            "llama" => new Llama(config, weights) { Device = place, Dtype = dtype },
            var other => throw new ModelFormatException($"config.json has model_type = {other}; supported is llama."),
        };
    }
}
