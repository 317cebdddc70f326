using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>
/// The Llama architecture (Touvron et al., 2023, arXiv 2302.13971): pre-norm decoder layers of grouped-query attention with
/// rotary positions and a gated MLP. SmolLM2 and many others share it.
/// </summary>
internal sealed class Llama : CausalLanguageModel
{
    private readonly Tensor _embedTokens;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly List<Tensor> _weights = [];

    public Llama(ModelConfig config, ModelWeights weights)
    {
        if (config.Text("hidden_act") is { } activation and not "silu")
            throw new ModelFormatException($"config.json has hidden_act = {activation}; a llama has silu.");
        int hidden = config.Size("hidden_size"), heads = config.Size("num_attention_heads"), width = config.Size("intermediate_size");
        int keyHeads = config.OptionalSize("num_key_value_heads") ?? heads, headSize = config.OptionalSize("head_dim") ?? hidden / heads;
        if (heads % keyHeads != 0) throw new ModelFormatException($"config.json has num_attention_heads = {heads}, which is no multiple of num_key_value_heads = {keyHeads}.");
        if (headSize % 2 != 0) throw new ModelFormatException($"config.json has head_dim = {headSize}; rotary positions need an even one.");
        Heads = new(heads, keyHeads, headSize);
        VocabularySize = config.Size("vocab_size");
        LayerCount = config.Size("num_hidden_layers");
        ContextLength = config.OptionalSize("max_position_embeddings") ?? 2048;
        double epsilon = config.Number("rms_norm_eps") ?? 1e-6;
        bool attentionBias = config.Flag("attention_bias"), mlpBias = config.Flag("mlp_bias");

        _embedTokens = Own(weights.Read("model.embed_tokens.weight", VocabularySize, hidden));
        _layers = new DecoderLayer[LayerCount];
        for (int i = 0; i < LayerCount; i++)
        {
            string at = $"model.layers.{i}";
            _layers[i] = new(
                Norm($"{at}.input_layernorm"),
                Linear($"{at}.self_attn", attentionBias, hidden, ("q_proj", heads * headSize), ("k_proj", keyHeads * headSize), ("v_proj", keyHeads * headSize)),
                Linear($"{at}.self_attn", attentionBias, heads * headSize, ("o_proj", hidden)),
                Norm($"{at}.post_attention_layernorm"),
                Linear($"{at}.mlp", mlpBias, hidden, ("gate_proj", width), ("up_proj", width)),
                Linear($"{at}.mlp", mlpBias, width, ("down_proj", hidden)));
        }
        _norm = Norm("model.norm");
        // Without a head of its own the embedding projects back to the vocabulary.
        Head = new(config.Flag("tie_word_embeddings") || !weights.Contains("lm_head.weight") ? _embedTokens : Own(weights.Read("lm_head.weight", VocabularySize, hidden)), bias: null);
        _rotary = new(Own(tensor(RopeFrequencies.Of(config, headSize), device: _embedTokens.device)));
        LinearLayers = [.. _layers.SelectMany(l => new[] { l.Qkv, l.Output, l.GateUp, l.Down }).SelectMany(l => l.Layers)];

        RmsNorm Norm(string path) => new(Own(weights.Read(path + ".weight", hidden)), epsilon);

        PackedLinear Linear(string parent, bool hasBias, int input, params (string Name, int Out)[] parts)
        {
            int output = parts.Sum(p => p.Out);
            var layers = new List<LinearLayer>();
            foreach ((string name, int size) in parts)
                layers.Add(new($"{parent}.{name}", layers.Sum(l => l.Out), size, input));
            return new(
                Own(weights.Stack([.. layers.Select(l => l.Path + ".weight")], output, input)),
                hasBias ? Own(weights.Stack([.. layers.Select(l => l.Path + ".bias")], output)) : null,
                layers);
        }
    }

    public override int VocabularySize { get; }

    public override int LayerCount { get; }

    public override int ContextLength { get; }

    public override IReadOnlyList<LinearLayer> LinearLayers { get; }

    public override AttentionHeads Heads { get; }

    public override CompletionHead Head { get; }

    public override Activation Forward(Tape tape, Tensor ids, Tensor positions, IAttention attention, LoraAdapter? adapter, Tensor? rows = null)
    {
        Rotation rotation = _rotary.At(positions, Dtype);
        Activation x = tape.Constant(_embedTokens.index_select(0, ids));
        for (int i = 0; i < _layers.Length; i++)
        {
            DecoderLayer layer = _layers[i];
            Activation qkv = layer.Qkv.Forward(tape, layer.InputNorm.Forward(tape, x), adapter);
            Activation attended = attention.Forward(tape, Heads, i, qkv, rotation);
            if (rows is not null && i == _layers.Length - 1)
                (attended, x) = (SelectRows.Forward(tape, attended, rows), SelectRows.Forward(tape, x, rows));
            Activation middle = layer.Output.Forward(tape, attended, adapter, residual: x);
            Activation gateUp = layer.GateUp.Forward(tape, layer.PostAttentionNorm.Forward(tape, middle), adapter);
            x = layer.Down.Forward(tape, GatedSilu.Forward(tape, gateUp), adapter, residual: middle);
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    public override void Dispose()
    {
        foreach (Tensor weight in _weights) weight.Dispose();
        Head.Dispose();
        Heads.Dispose();
    }

    private Tensor Own(Tensor weight)
    {
        _weights.Add(weight.DetachFromDisposeScope());
        return weight;
    }

    private sealed record DecoderLayer(RmsNorm InputNorm, PackedLinear Qkv, PackedLinear Output, RmsNorm PostAttentionNorm, PackedLinear GateUp, PackedLinear Down);
}
