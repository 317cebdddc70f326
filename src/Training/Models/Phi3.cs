using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>Phi-3 and Phi-4-mini (Abdin et al., 2024, arXiv 2404.14219): a Llama whose projections are fused in the checkpoint.</summary>
internal sealed class Phi3 : CausalLanguageModel
{
    private readonly TokenEmbedding _embedTokens;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly AttentionHeads _heads;

    public Phi3(ModelConfig config, DecoderParts parts) : base(DecoderShape.Of(config), parts)
    {
        DecoderShape shape = Shape;
        config.Expect("hidden_act", "silu");
        double epsilon = config.Number("rms_norm_eps") ?? 1e-5;
        bool tied = config.Flag("tie_word_embeddings");
        int? window = config.OptionalSize("sliding_window");
        RotaryFrequencies frequencies = RopeFrequencies.Of(config, shape.HeadSize);
        config.RefuseUnknown("full_attn_mod", "interpolate_factor");

        _embedTokens = parts.Embedding("model.embed_tokens", shape);
        _heads = parts.Heads(shape, window);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => $"model.layers.{i}").Select(at => new DecoderLayer(
            parts.RmsNorm($"{at}.input_layernorm", shape.Hidden, epsilon),
            parts.Linear($"{at}.self_attn", hasBias: false, shape.Hidden, ("qkv_proj", shape.Queries + 2 * shape.Keys)),
            parts.Linear($"{at}.self_attn", hasBias: false, shape.Queries, ("o_proj", shape.Hidden)),
            parts.RmsNorm($"{at}.post_attention_layernorm", shape.Hidden, epsilon),
            new GatedMlp(
                parts.Linear($"{at}.mlp", hasBias: false, shape.Hidden, ("gate_up_proj", 2 * shape.Width)), GatedSilu.Forward,
                parts.Linear($"{at}.mlp", hasBias: false, shape.Width, ("down_proj", shape.Hidden)))))];
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
