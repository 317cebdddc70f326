using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>
/// Qwen 3's mixtures of experts (Yang et al., 2025, arXiv 2505.09388). Router and experts are no linear layers of their own in
/// transformers 5, so that adapters lie on attention and on the MLPs of layers without experts.
/// </summary>
internal sealed class Qwen3Moe : CausalLanguageModel
{
    private readonly TokenEmbedding _embedTokens;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly AttentionHeads _heads;

    public Qwen3Moe(ModelConfig config, DecoderParts parts) : base(DecoderShape.Of(config), parts)
    {
        DecoderShape shape = Shape;
        config.Expect("hidden_act", "silu");
        double epsilon = config.Number("rms_norm_eps") ?? 1e-6;
        bool tied = config.Flag("tie_word_embeddings");
        bool attentionBias = config.Flag("attention_bias"), normalizes = config.Flag("norm_topk_prob");
        int? window = config.Flag("use_sliding_window") ? config.OptionalSize("sliding_window", whenAbsent: 4096) : null;
        int experts = config.OptionalSize("num_experts") ?? config.OptionalSize("num_local_experts") ?? 128;
        int chosen = config.OptionalSize("num_experts_per_tok") ?? 8, width = config.OptionalSize("moe_intermediate_size") ?? 768, step = config.OptionalSize("decoder_sparse_step") ?? 1;
        double[] dense = config.Numbers("mlp_only_layers") ?? [];
        if (chosen > experts) throw new ModelFormatException($"config.json has num_experts_per_tok = {chosen}, more than its {experts} experts.");
        RotaryFrequencies frequencies = RopeFrequencies.Of(config, shape.HeadSize);
        config.RefuseUnknown("sliding_window", "max_window_layers", "num_local_experts", "output_router_logits", "router_aux_loss_coef");

        _embedTokens = parts.Embedding("model.embed_tokens", shape);
        _heads = parts.Heads(shape, window);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => (Index: i, At: $"model.layers.{i}")).Select(l => new DecoderLayer(
            parts.RmsNorm($"{l.At}.input_layernorm", shape.Hidden, epsilon),
            parts.Qkv($"{l.At}.self_attn", shape, hasBias: attentionBias),
            new QueryKeyNorm(parts.RmsNorm($"{l.At}.self_attn.q_norm", shape.HeadSize, epsilon), parts.RmsNorm($"{l.At}.self_attn.k_norm", shape.HeadSize, epsilon), _heads),
            parts.Linear($"{l.At}.self_attn", hasBias: attentionBias, shape.Queries, ("o_proj", shape.Hidden)),
            parts.RmsNorm($"{l.At}.post_attention_layernorm", shape.Hidden, epsilon),
            HasExperts(l.Index) ? Experts($"{l.At}.mlp") : null,
            HasExperts(l.Index) ? null : parts.GatedMlp($"{l.At}.mlp", shape, hasBias: false, GatedSilu.Forward)))];
        _norm = parts.RmsNorm("model.norm", shape.Hidden, epsilon);
        _rotary = parts.Rotary(frequencies);
        Head = parts.Head("lm_head", tied, _embedTokens);

        bool HasExperts(int layer) => !dense.Contains(layer) && (layer + 1) % step == 0;

        ExpertMixture Experts(string at) => new(
            parts.Matrix($"{at}.gate.weight", experts, shape.Hidden),
            [.. Enumerable.Range(0, experts).Select(e => $"{at}.experts.{e}").Select(e =>
                (parts.Weight(2 * width, shape.Hidden, $"{e}.gate_proj", $"{e}.up_proj"), parts.Weight(shape.Hidden, width, $"{e}.down_proj")))],
            chosen, normalizes);
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
            Activation attended = attention.Forward(tape, _heads, i, normed, rotation);
            (attended, x) = AskedRows(tape, i, attended, x, rows);
            Activation middle = layer.Output.Forward(tape, attended, adapter, residual: x);
            Activation input = layer.PostAttentionNorm.Forward(tape, middle);
            x = layer.Experts?.Forward(tape, input, residual: middle) ?? layer.Mlp!.Forward(tape, input, adapter, residual: middle);
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    private sealed record DecoderLayer(RmsNorm InputNorm, PackedLinear Qkv, QueryKeyNorm QueryKeyNorm, PackedLinear Output, RmsNorm PostAttentionNorm, ExpertMixture? Experts, GatedMlp? Mlp);
}
