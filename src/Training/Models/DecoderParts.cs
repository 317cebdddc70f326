using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>Makes an architecture's modules from the checkpoint's tensors, and owns these.</summary>
/// <param name="weights">The checkpoint; needed only while the model is being made.</param>
/// <param name="device">Where the weights are.</param>
/// <param name="dtype">Type of the frozen weights and of the arithmetic.</param>
/// <param name="quantizes">Whether linear layers are quantised to NF4 as they are read.</param>
internal sealed class DecoderParts(ModelWeights weights, Device device, ScalarType dtype, bool quantizes = false) : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly List<LinearLayer> _linearLayers = [];
    private readonly List<VocabularyMatrix> _vocabularyMatrices = [];

    /// <summary>Where the weights are.</summary>
    public Device Device => device;

    /// <summary>Type of the frozen weights and of the arithmetic.</summary>
    public ScalarType Dtype => dtype;

    /// <summary>What an adapter may change of the modules made so far.</summary>
    public AdaptableModules Adaptable => new(_linearLayers, _vocabularyMatrices, device);

    /// <summary>A text that grows beyond so many tokens is read anew; null when none is.</summary>
    public int? RereadsBeyond { get; private set; }

    /// <summary>A matrix, such as an embedding: (rows, columns).</summary>
    public Tensor Matrix(string name, int rows, int columns) => Own(weights.Read(name, rows, columns));

    /// <summary>The frozen weight (rows, columns) of linear layers that share their input, one below the other.</summary>
    public IFrozenWeight Weight(int rows, int columns, params IReadOnlyList<string> paths)
    {
        string[] names = [.. paths.Select(p => p + ".weight")];
        if (!quantizes && !names.All(weights.IsNf4)) return new DenseWeight(Own(weights.Stack(names, rows, columns)));
        Nf4Matrix[] matrices = [.. names.Select(Nf4)];
        var weight = new Nf4Weight(matrices, dtype, device);
        _owned.Add(weight);
        if (matrices.Sum(m => m.Rows) != rows || matrices.Any(m => m.Columns != columns))
            throw new ModelFormatException($"{string.Join(" + ", names)} have {string.Join(" + ", matrices.Select(m => $"[{m.Rows}, {m.Columns}]"))} elements, but config.json says [{rows}, {columns}].");
        return weight;
    }

    /// <summary>A norm that rounds before it scales, as Llama's does.</summary>
    public RmsNorm RmsNorm(string path, int size, double epsilon, double scale = 1) => new(Own(weights.Read(path + ".weight", size).mul_(scale)), epsilon);

    /// <summary>A norm that scales in float32, by the weight plus an offset.</summary>
    public RmsNorm FloatRmsNorm(string path, int size, double epsilon, double offset)
    {
        using Tensor weight = weights.Read(path + ".weight", size);
        return new(Own(weight.to(ScalarType.Float32, copy: true).add_(offset)), epsilon);
    }

    /// <summary>A layer norm.</summary>
    public LayerNorm LayerNorm(string path, int size, double epsilon) =>
        new(Own(weights.Read(path + ".weight", size)), Own(weights.Read(path + ".bias", size)), epsilon);

    /// <summary>Linear layers that share their input.</summary>
    /// <param name="parent">Module path of their parent.</param>
    /// <param name="hasBias">Whether they have biases.</param>
    /// <param name="input">Input features.</param>
    /// <param name="parts">Each layer's name and output features.</param>
    public PackedLinear Linear(string parent, bool hasBias, int input, params ReadOnlySpan<(string Name, int Out)> parts)
    {
        string[] paths = [.. parts.ToArray().Select(p => $"{parent}.{p.Name}")];
        IFrozenWeight weight = Weight(parts.ToArray().Sum(p => p.Out), input, paths);
        var layers = new List<LinearLayer>();
        int output = 0;
        foreach ((string name, int size) in parts)
        {
            layers.Add(new($"{parent}.{name}", weight, output, size, input));
            output += size;
        }
        _linearLayers.AddRange(layers);
        return new(weight, hasBias ? Own(weights.Stack([.. paths.Select(p => p + ".bias")], output)) : null, layers);
    }

    /// <summary>A linear layer that the checkpoint stores as (in, out), with a bias.</summary>
    public PackedLinear Conv1D(string path, int input, int output)
    {
        IFrozenWeight weight = TransposedWeight(path + ".weight", input, output);
        LinearLayer layer = new(path, weight, 0, output, input) { FanInFanOut = true };
        _linearLayers.Add(layer);
        return new(weight, Own(weights.Read(path + ".bias", output)), [layer]);
    }

    /// <summary>Queries, keys and values as q_proj, k_proj and v_proj.</summary>
    public PackedLinear Qkv(string parent, DecoderShape shape, bool hasBias) =>
        Linear(parent, hasBias, shape.Hidden, ("q_proj", shape.Queries), ("k_proj", shape.Keys), ("v_proj", shape.Keys));

    /// <summary>A gated feed-forward layer of gate_proj, up_proj and down_proj.</summary>
    public GatedMlp GatedMlp(string parent, DecoderShape shape, bool hasBias, Func<Tape, Activation, Activation> gate) => new(
        Linear(parent, hasBias, shape.Hidden, ("gate_proj", shape.Width), ("up_proj", shape.Width)), gate,
        Linear(parent, hasBias, shape.Width, ("down_proj", shape.Hidden)));

    /// <summary>The token embedding.</summary>
    /// <param name="path">Its module path.</param>
    /// <param name="shape">Vocabulary and hidden size.</param>
    /// <param name="scale">The architecture's factor of embeddings.</param>
    /// <param name="scalesNoise">Whether the factor applies to noise on embeddings too.</param>
    public TokenEmbedding Embedding(string path, DecoderShape shape, double scale = 1, bool scalesNoise = false) =>
        new(Vocabulary(path, Matrix(path + ".weight", shape.Vocabulary, shape.Hidden)), scale, scalesNoise);

    /// <summary>The vocabulary projection: a matrix of its own, or the embedding's when they are tied.</summary>
    /// <param name="path">Its module path.</param>
    /// <param name="tied">Whether config.json says that it shares the embedding's matrix; as in transformers 5, another matrix in the checkpoint wins.</param>
    /// <param name="embedding">The token embedding.</param>
    /// <param name="softCap">Bounds the logits; null leaves them.</param>
    public CompletionHead Head(string path, bool tied, TokenEmbedding embedding, double? softCap = null)
    {
        Tensor shared = embedding.Matrix.Weight;
        bool shares = tied && !weights.HoldsAnother(path + ".weight", embedding.Matrix.Path + ".weight");
        var head = new CompletionHead(Vocabulary(path, shares ? shared : Matrix(path + ".weight", (int)shared.shape[0], (int)shared.shape[1])), bias: null, softCap);
        _owned.Add(head);
        return head;
    }

    /// <summary>A rotary embedding.</summary>
    public RotaryEmbedding Rotary(RotaryFrequencies frequencies)
    {
        if (frequencies.RereadsBeyond) RereadsBeyond = frequencies.Boundary;
        var rotary = new RotaryEmbedding(frequencies, device);
        _owned.Add(rotary);
        return rotary;
    }

    /// <summary>The attention of all layers.</summary>
    public AttentionHeads Heads(DecoderShape shape, int? window = null, double? scale = null, double? softCap = null)
    {
        var heads = new AttentionHeads(shape.Heads, shape.KeyHeads, shape.HeadSize) { Window = window, Scale = scale ?? 1 / Math.Sqrt(shape.HeadSize), SoftCap = softCap };
        _owned.Add(heads);
        return heads;
    }

    /// <summary>The attention of each layer, of which some see a window alone.</summary>
    public AttentionHeads[] Heads(DecoderShape shape, bool[] sliding, int? window, double? scale = null, double? softCap = null)
    {
        AttentionHeads full = Heads(shape, null, scale, softCap), windowed = Heads(shape, window, scale, softCap);
        return [.. sliding.Select(s => s ? windowed : full)];
    }

    private VocabularyMatrix Vocabulary(string path, Tensor weight)
    {
        var matrix = new VocabularyMatrix(path, weight);
        _vocabularyMatrices.Add(matrix);
        return matrix;
    }

    /// <summary>bitsandbytes turns a matrix (in, out) before it quantises it.</summary>
    private IFrozenWeight TransposedWeight(string name, int input, int output)
    {
        if (weights.IsNf4(name)) return Weight(output, input, name[..^".weight".Length]);
        if (!quantizes) return new DenseWeight(Own(Own(weights.Read(name, input, output)).t()));
        using Tensor stored = weights.Read(name, input, output), turned = stored.t();
        var weight = new Nf4Weight([Nf4Matrix.Quantize(turned)], dtype, device);
        _owned.Add(weight);
        return weight;
    }

    /// <summary>A matrix as NF4: as it is stored, or quantised as soon as it is read, so that one at a time is held in full.</summary>
    private Nf4Matrix Nf4(string name)
    {
        if (weights.IsNf4(name)) return weights.ReadNf4(name);
        if (weights.ShapeOf(name) is not [var rows, var columns]) throw new ModelFormatException($"Tensor '{name}' is no matrix.");
        using Tensor matrix = weights.Read(name, rows, columns);
        return Nf4Matrix.Quantize(matrix);
    }

    private Tensor Own(Tensor tensor)
    {
        _owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in _owned) owned.Dispose();
    }
}
