using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>
/// Gemma 2 (Gemma Team, 2024, arXiv 2408.00118): Gemma with norms before and after each branch, every other layer with a
/// sliding window, and caps on attention scores and logits.
/// </summary>
internal sealed class Gemma2 : CausalLanguageModel
{
    private readonly TokenEmbedding _embedTokens;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly AttentionHeads[] _heads;

    public Gemma2(ModelConfig config, DecoderParts parts) : base(DecoderShape.Of(config, headSize: 256), parts)
    {
        DecoderShape shape = Shape;
        Gelu gelu = GeluForm.Of(config, "hidden_activation", "gelu_pytorch_tanh");
        config.Refuse("use_bidirectional_attention", "attention to later tokens is not supported.");
        double epsilon = config.Number("rms_norm_eps") ?? 1e-6;
        bool attentionBias = config.Flag("attention_bias"), tied = config.Flag("tie_word_embeddings", whenAbsent: true);
        double scale = 1 / Math.Sqrt(config.Number("query_pre_attn_scalar") ?? 256);
        double? scoreCap = config.Number("attn_logit_softcapping", whenAbsent: 50), logitCap = config.Number("final_logit_softcapping", whenAbsent: 30);
        int? window = config.OptionalSize("sliding_window", whenAbsent: 4096);
        bool[] sliding = LayerTypes.Sliding(config, shape.Layers, i => i % 2 == 0);
        RotaryFrequencies frequencies = RopeFrequencies.Of(config, shape.HeadSize);
        config.RefuseUnknown("hidden_act", "sliding_window_size");

        _embedTokens = parts.Embedding("model.embed_tokens", shape, EmbeddingScale.Of(shape.Hidden, Dtype));
        _heads = parts.Heads(shape, sliding, window, scale, scoreCap);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => $"model.layers.{i}").Select(at => new DecoderLayer(
            parts.FloatRmsNorm($"{at}.input_layernorm", shape.Hidden, epsilon, offset: 1),
            parts.Qkv($"{at}.self_attn", shape, hasBias: attentionBias),
            parts.Linear($"{at}.self_attn", hasBias: attentionBias, shape.Queries, ("o_proj", shape.Hidden)),
            parts.FloatRmsNorm($"{at}.post_attention_layernorm", shape.Hidden, epsilon, offset: 1),
            parts.FloatRmsNorm($"{at}.pre_feedforward_layernorm", shape.Hidden, epsilon, offset: 1),
            parts.GatedMlp($"{at}.mlp", shape, hasBias: false, gelu.Gate),
            parts.FloatRmsNorm($"{at}.post_feedforward_layernorm", shape.Hidden, epsilon, offset: 1)))];
        _norm = parts.FloatRmsNorm("model.norm", shape.Hidden, epsilon, offset: 1);
        _rotary = parts.Rotary(frequencies);
        Head = parts.Head("lm_head", tied, _embedTokens, logitCap);
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
            Activation attended = attention.Forward(tape, _heads[i], i, qkv, rotation);
            (attended, x) = AskedRows(tape, i, attended, x, rows);
            Activation middle = ResidualSum.Forward(tape, x, layer.PostAttentionNorm.Forward(tape, layer.Output.Forward(tape, attended, adapter)));
            Activation mlp = layer.Mlp.Forward(tape, layer.PreFeedforwardNorm.Forward(tape, middle), adapter);
            x = ResidualSum.Forward(tape, middle, layer.PostFeedforwardNorm.Forward(tape, mlp));
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    private sealed record DecoderLayer(RmsNorm InputNorm, PackedLinear Qkv, PackedLinear Output, RmsNorm PostAttentionNorm,
        RmsNorm PreFeedforwardNorm, GatedMlp Mlp, RmsNorm PostFeedforwardNorm);
}
