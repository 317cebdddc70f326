using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>Qwen 3 (Yang et al., 2025, arXiv 2505.09388): a Llama with norms of each head's queries and keys, whose upper layers may see a sliding window.</summary>
internal sealed class Qwen3 : CausalLanguageModel
{
    private readonly TokenEmbedding _embedTokens;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly AttentionHeads[] _heads;

    public Qwen3(ModelConfig config, DecoderParts parts) : base(DecoderShape.Of(config, headSize: 128), parts)
    {
        DecoderShape shape = Shape;
        config.Expect("hidden_act", "silu");
        double epsilon = config.Number("rms_norm_eps") ?? 1e-6;
        bool tied = config.Flag("tie_word_embeddings");
        bool attentionBias = config.Flag("attention_bias");
        int? window = config.Flag("use_sliding_window") ? config.OptionalSize("sliding_window", whenAbsent: 4096) : null;
        double firstSliding = config.Number("max_window_layers") ?? 28;
        bool[] sliding = LayerTypes.Sliding(config, shape.Layers, i => i >= firstSliding);
        RotaryFrequencies frequencies = RopeFrequencies.Of(config, shape.HeadSize);
        config.RefuseUnknown("sliding_window");

        _embedTokens = parts.Embedding("model.embed_tokens", shape);
        _heads = parts.Heads(shape, sliding, window);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => $"model.layers.{i}").Select(at => new DecoderLayer(
            parts.RmsNorm($"{at}.input_layernorm", shape.Hidden, epsilon),
            parts.Qkv($"{at}.self_attn", shape, hasBias: attentionBias),
            new QueryKeyNorm(parts.RmsNorm($"{at}.self_attn.q_norm", shape.HeadSize, epsilon), parts.RmsNorm($"{at}.self_attn.k_norm", shape.HeadSize, epsilon), _heads[0]),
            parts.Linear($"{at}.self_attn", hasBias: attentionBias, shape.Queries, ("o_proj", shape.Hidden)),
            parts.RmsNorm($"{at}.post_attention_layernorm", shape.Hidden, epsilon),
            parts.GatedMlp($"{at}.mlp", shape, hasBias: false, GatedSilu.Forward)))];
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
            Activation normed = layer.QueryKeyNorm.Forward(tape, qkv);
            Activation attended = attention.Forward(tape, _heads[i], i, normed, rotation);
            (attended, x) = AskedRows(tape, i, attended, x, rows);
            Activation middle = layer.Output.Forward(tape, attended, adapter, residual: x);
            x = layer.Mlp.Forward(tape, layer.PostAttentionNorm.Forward(tape, middle), adapter, residual: middle);
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    private sealed record DecoderLayer(RmsNorm InputNorm, PackedLinear Qkv, QueryKeyNorm QueryKeyNorm, PackedLinear Output, RmsNorm PostAttentionNorm, GatedMlp Mlp);
}
