using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>Granite 3 (IBM, 2024): a Llama with multipliers of embeddings, attention scores and residual branches and a divisor of logits.</summary>
internal sealed class Granite : CausalLanguageModel
{
    private readonly TokenEmbedding _embedTokens;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly AttentionHeads _heads;
    private readonly double _residualMultiplier;

    public Granite(ModelConfig config, DecoderParts parts) : base(DecoderShape.Of(config), parts)
    {
        DecoderShape shape = Shape;
        config.Expect("hidden_act", "silu");
        double epsilon = config.Number("rms_norm_eps") ?? 1e-6;
        bool tied = config.Flag("tie_word_embeddings");
        bool attentionBias = config.Flag("attention_bias"), mlpBias = config.Flag("mlp_bias");
        double logitsScaling = config.Number("logits_scaling") ?? 1, attentionMultiplier = config.Number("attention_multiplier") ?? 1;
        double embeddingMultiplier = config.Number("embedding_multiplier") ?? 1;
        _residualMultiplier = config.Number("residual_multiplier") ?? 1;
        RotaryFrequencies frequencies = RopeFrequencies.Of(config, shape.HeadSize);
        config.RefuseUnknown();

        _embedTokens = parts.Embedding("model.embed_tokens", shape, embeddingMultiplier, scalesNoise: true);
        _heads = parts.Heads(shape, scale: attentionMultiplier);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => $"model.layers.{i}").Select(at => new DecoderLayer(
            parts.RmsNorm($"{at}.input_layernorm", shape.Hidden, epsilon),
            parts.Qkv($"{at}.self_attn", shape, hasBias: attentionBias),
            parts.Linear($"{at}.self_attn", hasBias: attentionBias, shape.Queries, ("o_proj", shape.Hidden)),
            parts.RmsNorm($"{at}.post_attention_layernorm", shape.Hidden, epsilon),
            parts.GatedMlp($"{at}.mlp", shape, hasBias: mlpBias, GatedSilu.Forward)))];
        // The head is linear: logits are divided by dividing what it projects.
        _norm = parts.RmsNorm("model.norm", shape.Hidden, epsilon, scale: 1 / logitsScaling);
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
            Activation attended = attention.Forward(tape, _heads, i, qkv, rotation);
            (attended, x) = AskedRows(tape, i, attended, x, rows);
            Activation middle = ResidualSum.Forward(tape, x, layer.Output.Forward(tape, attended, adapter), _residualMultiplier);
            Activation mlp = layer.Mlp.Forward(tape, layer.PostAttentionNorm.Forward(tape, middle), adapter);
            x = ResidualSum.Forward(tape, middle, mlp, _residualMultiplier);
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    private sealed record DecoderLayer(RmsNorm InputNorm, PackedLinear Qkv, PackedLinear Output, RmsNorm PostAttentionNorm, GatedMlp Mlp);
}
