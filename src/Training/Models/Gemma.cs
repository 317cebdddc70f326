using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>Gemma (Gemma Team, 2024, arXiv 2403.08295): a Llama with a GELU gate, norms that scale by 1 + weight, and scaled embeddings.</summary>
internal sealed class Gemma : CausalLanguageModel
{
    private readonly TokenEmbedding _embedTokens;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly AttentionHeads _heads;

    public Gemma(ModelConfig config, DecoderParts parts) : base(DecoderShape.Of(config, headSize: 256), parts)
    {
        DecoderShape shape = Shape;
        Gelu gelu = GeluForm.Of(config, "hidden_act", "gelu_pytorch_tanh");
        config.Refuse("use_bidirectional_attention", "attention to later tokens is not supported.");
        double epsilon = config.Number("rms_norm_eps") ?? 1e-6;
        bool tied = config.Flag("tie_word_embeddings", whenAbsent: true);
        bool attentionBias = config.Flag("attention_bias");
        RotaryFrequencies frequencies = RopeFrequencies.Of(config, shape.HeadSize);
        config.RefuseUnknown("hidden_activation");

        _embedTokens = parts.Embedding("model.embed_tokens", shape, EmbeddingScale.Of(shape.Hidden, Dtype));
        _heads = parts.Heads(shape);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => $"model.layers.{i}").Select(at => new DecoderLayer(
            parts.FloatRmsNorm($"{at}.input_layernorm", shape.Hidden, epsilon, offset: 1),
            parts.Qkv($"{at}.self_attn", shape, hasBias: attentionBias),
            parts.Linear($"{at}.self_attn", hasBias: attentionBias, shape.Queries, ("o_proj", shape.Hidden)),
            parts.FloatRmsNorm($"{at}.post_attention_layernorm", shape.Hidden, epsilon, offset: 1),
            parts.GatedMlp($"{at}.mlp", shape, hasBias: false, gelu.Gate)))];
        _norm = parts.FloatRmsNorm("model.norm", shape.Hidden, epsilon, offset: 1);
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
            Activation middle = layer.Output.Forward(tape, attended, adapter, residual: x);
            x = layer.Mlp.Forward(tape, layer.PostAttentionNorm.Forward(tape, middle), adapter, residual: middle);
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    private sealed record DecoderLayer(RmsNorm InputNorm, PackedLinear Qkv, PackedLinear Output, RmsNorm PostAttentionNorm, GatedMlp Mlp);
}
