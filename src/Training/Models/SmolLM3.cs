using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>SmolLM 3 (Hugging Face, 2025): a Llama of which every fourth layer knows no positions (arXiv 2501.18795).</summary>
internal sealed class SmolLM3 : CausalLanguageModel
{
    private readonly TokenEmbedding _embedTokens;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly AttentionHeads[] _heads;
    private readonly bool[] _turns;

    public SmolLM3(ModelConfig config, DecoderParts parts) : base(DecoderShape.Of(config), parts)
    {
        DecoderShape shape = Shape;
        config.Expect("hidden_act", "silu");
        double epsilon = config.Number("rms_norm_eps") ?? 1e-6;
        bool tied = config.Flag("tie_word_embeddings", whenAbsent: true);
        bool attentionBias = config.Flag("attention_bias"), mlpBias = config.Flag("mlp_bias");
        double interval = config.Number("no_rope_layer_interval") ?? 4;
        _turns = config.Numbers("no_rope_layers") is { Length: > 0 } turns ? [.. turns.Select(t => t != 0)] : [.. Enumerable.Range(1, shape.Layers).Select(i => i % interval != 0)];
        if (_turns.Length != shape.Layers) throw new ModelFormatException($"config.json has {_turns.Length} no_rope_layers for {shape.Layers} layers.");
        int? window = config.Flag("use_sliding_window") ? config.OptionalSize("sliding_window") : null;
        bool[] sliding = LayerTypes.Sliding(config, shape.Layers, i => !_turns[i]);
        RotaryFrequencies frequencies = RopeFrequencies.Of(config, shape.HeadSize, theta: 2_000_000);
        config.RefuseUnknown("sliding_window", "max_window_layers");

        _embedTokens = parts.Embedding("model.embed_tokens", shape);
        _heads = parts.Heads(shape, sliding, window);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => $"model.layers.{i}").Select(at => new DecoderLayer(
            parts.RmsNorm($"{at}.input_layernorm", shape.Hidden, epsilon),
            parts.Qkv($"{at}.self_attn", shape, hasBias: attentionBias),
            parts.Linear($"{at}.self_attn", hasBias: attentionBias, shape.Queries, ("o_proj", shape.Hidden)),
            parts.RmsNorm($"{at}.post_attention_layernorm", shape.Hidden, epsilon),
            parts.GatedMlp($"{at}.mlp", shape, hasBias: mlpBias, GatedSilu.Forward)))];
        _norm = parts.RmsNorm("model.norm", shape.Hidden, epsilon);
        _rotary = parts.Rotary(frequencies);
        Head = parts.Head("lm_head", tied, _embedTokens);
    }

    public override CompletionHead Head { get; }

    public override Activation Forward(Tape tape, Tensor ids, Tensor positions, IAttention attention, LoraAdapter? adapter, Tensor? rows = null)
    {
        Rotation rotation = _rotary.At(positions, attention.Sequences, Dtype);
        Activation x = _embedTokens.Forward(tape, ids, attention, adapter);
        for (int i = 0; i < _layers.Length; i++)
        {
            DecoderLayer layer = _layers[i];
            Activation qkv = layer.Qkv.Forward(tape, layer.InputNorm.Forward(tape, x), adapter);
            Activation attended = attention.Forward(tape, _heads[i], i, qkv, _turns[i] ? rotation : null);
            (attended, x) = AskedRows(tape, i, attended, x, rows);
            Activation middle = layer.Output.Forward(tape, attended, adapter, residual: x);
            x = layer.Mlp.Forward(tape, layer.PostAttentionNorm.Forward(tape, middle), adapter, residual: middle);
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    private sealed record DecoderLayer(RmsNorm InputNorm, PackedLinear Qkv, PackedLinear Output, RmsNorm PostAttentionNorm, GatedMlp Mlp);
}
