using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>OLMo 2 (OLMo Team, 2025, arXiv 2501.00656): norms after the branches instead of before, and of queries and keys over all heads.</summary>
internal sealed class Olmo2 : CausalLanguageModel
{
    private readonly TokenEmbedding _embedTokens;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly AttentionHeads _heads;

    public Olmo2(ModelConfig config, DecoderParts parts) : base(DecoderShape.Of(config), parts)
    {
        DecoderShape shape = Shape;
        config.Expect("hidden_act", "silu");
        double epsilon = config.Number("rms_norm_eps") ?? 1e-5;
        bool attentionBias = config.Flag("attention_bias"), tied = config.Flag("tie_word_embeddings");
        RotaryFrequencies frequencies = RopeFrequencies.Of(config, shape.HeadSize);
        config.RefuseUnknown();

        _embedTokens = parts.Embedding("model.embed_tokens", shape);
        _heads = parts.Heads(shape);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => $"model.layers.{i}").Select(at => new DecoderLayer(
            parts.Qkv($"{at}.self_attn", shape, hasBias: attentionBias),
            new QueryKeyNorm(parts.FloatRmsNorm($"{at}.self_attn.q_norm", shape.Queries, epsilon, offset: 0), parts.FloatRmsNorm($"{at}.self_attn.k_norm", shape.Keys, epsilon, offset: 0), _heads),
            parts.Linear($"{at}.self_attn", hasBias: attentionBias, shape.Queries, ("o_proj", shape.Hidden)),
            parts.FloatRmsNorm($"{at}.post_attention_layernorm", shape.Hidden, epsilon, offset: 0),
            parts.GatedMlp($"{at}.mlp", shape, hasBias: false, GatedSilu.Forward),
            parts.FloatRmsNorm($"{at}.post_feedforward_layernorm", shape.Hidden, epsilon, offset: 0)))];
        _norm = parts.FloatRmsNorm("model.norm", shape.Hidden, epsilon, offset: 0);
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
            Activation qkv = layer.Qkv.Forward(tape, x, adapter);
            Activation normed = layer.QueryKeyNorm.Forward(tape, qkv);
            Activation attended = attention.Forward(tape, _heads, i, normed, rotation);
            (attended, x) = AskedRows(tape, i, attended, x, rows);
            Activation middle = ResidualSum.Forward(tape, x, layer.PostAttentionNorm.Forward(tape, layer.Output.Forward(tape, attended, adapter)));
            Activation mlp = layer.Mlp.Forward(tape, middle, adapter);
            x = ResidualSum.Forward(tape, middle, layer.PostFeedforwardNorm.Forward(tape, mlp));
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    private sealed record DecoderLayer(PackedLinear Qkv, QueryKeyNorm QueryKeyNorm, PackedLinear Output, RmsNorm PostAttentionNorm,
        GatedMlp Mlp, RmsNorm PostFeedforwardNorm);
}
