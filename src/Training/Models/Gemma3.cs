using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>
/// Gemma 3's language model (Gemma Team, 2025, arXiv 2503.19786): Gemma 2 with norms of queries and keys instead of caps, and
/// faster turning positions in the layers with a sliding window, five of six.
/// </summary>
internal sealed class Gemma3 : CausalLanguageModel
{
    private readonly TokenEmbedding _embedTokens;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly AttentionHeads[] _heads;
    private readonly RotaryEmbedding _localRotary;
    private readonly bool[] _sliding;

    public Gemma3(ModelConfig config, DecoderParts parts) : base(DecoderShape.Of(config, headSize: 256), parts)
    {
        DecoderShape shape = Shape;
        Gelu gelu = GeluForm.Of(config, "hidden_activation", "gelu_pytorch_tanh");
        config.Refuse("use_bidirectional_attention", "attention to later tokens is not supported.");
        double epsilon = config.Number("rms_norm_eps") ?? 1e-6;
        bool attentionBias = config.Flag("attention_bias"), tied = config.Flag("tie_word_embeddings", whenAbsent: true);
        double scale = 1 / Math.Sqrt(config.Number("query_pre_attn_scalar") ?? 256);
        double? scoreCap = config.Number("attn_logit_softcapping"), logitCap = config.Number("final_logit_softcapping");
        int? window = config.OptionalSize("sliding_window", whenAbsent: 4096);
        int pattern = config.OptionalSize("sliding_window_pattern") ?? config.OptionalSize("_sliding_window_pattern") ?? 6;
        _sliding = LayerTypes.Sliding(config, shape.Layers, i => (i + 1) % pattern != 0);
        // transformers 5 names both kinds of layers, 4 gives the local ones a base of their own.
        ModelConfig? rope = config.Section("rope_parameters");
        RotaryFrequencies frequencies = RopeFrequencies.Of(config, rope?.Section("full_attention") ?? config.Section("rope_scaling"), shape.HeadSize, config.Number("rope_theta") ?? 1_000_000);
        RotaryFrequencies localFrequencies = RopeFrequencies.Of(config, rope?.Section("sliding_attention"), shape.HeadSize, config.Number("rope_local_base_freq") ?? 10_000);
        config.RefuseUnknown("hidden_act", "_sliding_window_pattern");

        _embedTokens = parts.Embedding("model.embed_tokens", shape, EmbeddingScale.Of(shape.Hidden, Dtype));
        _heads = parts.Heads(shape, _sliding, window, scale, scoreCap);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => $"model.layers.{i}").Select(at => new DecoderLayer(
            parts.FloatRmsNorm($"{at}.input_layernorm", shape.Hidden, epsilon, offset: 1),
            parts.Qkv($"{at}.self_attn", shape, hasBias: attentionBias),
            new QueryKeyNorm(parts.FloatRmsNorm($"{at}.self_attn.q_norm", shape.HeadSize, epsilon, offset: 1), parts.FloatRmsNorm($"{at}.self_attn.k_norm", shape.HeadSize, epsilon, offset: 1), _heads[0]),
            parts.Linear($"{at}.self_attn", hasBias: attentionBias, shape.Queries, ("o_proj", shape.Hidden)),
            parts.FloatRmsNorm($"{at}.post_attention_layernorm", shape.Hidden, epsilon, offset: 1),
            parts.FloatRmsNorm($"{at}.pre_feedforward_layernorm", shape.Hidden, epsilon, offset: 1),
            parts.GatedMlp($"{at}.mlp", shape, hasBias: false, gelu.Gate),
            parts.FloatRmsNorm($"{at}.post_feedforward_layernorm", shape.Hidden, epsilon, offset: 1)))];
        _norm = parts.FloatRmsNorm("model.norm", shape.Hidden, epsilon, offset: 1);
        _rotary = parts.Rotary(frequencies);
        _localRotary = parts.Rotary(localFrequencies);
        Head = parts.Head("lm_head", tied, _embedTokens, logitCap);
    }

    public override CompletionHead Head { get; }

    public override Activation Forward(Tape tape, Tensor ids, Tensor positions, IAttention attention, LoraAdapter? adapter, Tensor? rows = null)
    {
        Rotation rotation = _rotary.At(positions, attention.Sequences, Dtype);
        Rotation local = _localRotary.At(positions, attention.Sequences, Dtype);
        Activation x = _embedTokens.Forward(tape, ids, attention, adapter);
        for (int i = 0; i < _layers.Length; i++)
        {
            DecoderLayer layer = _layers[i];
            Activation qkv = layer.Qkv.Forward(tape, layer.InputNorm.Forward(tape, x), adapter);
            Activation normed = layer.QueryKeyNorm.Forward(tape, qkv);
            Activation attended = attention.Forward(tape, _heads[i], i, normed, _sliding[i] ? local : rotation);
            (attended, x) = AskedRows(tape, i, attended, x, rows);
            Activation middle = ResidualSum.Forward(tape, x, layer.PostAttentionNorm.Forward(tape, layer.Output.Forward(tape, attended, adapter)));
            Activation mlp = layer.Mlp.Forward(tape, layer.PreFeedforwardNorm.Forward(tape, middle), adapter);
            x = ResidualSum.Forward(tape, middle, layer.PostFeedforwardNorm.Forward(tape, mlp));
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    private sealed record DecoderLayer(RmsNorm InputNorm, PackedLinear Qkv, QueryKeyNorm QueryKeyNorm, PackedLinear Output, RmsNorm PostAttentionNorm,
        RmsNorm PreFeedforwardNorm, GatedMlp Mlp, RmsNorm PostFeedforwardNorm);
}
