using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>
/// Mixtral (Jiang et al., 2024, arXiv 2401.04088): Mistral with a mixture of experts for the MLP. Router and experts are no
/// linear layers of their own in transformers 5, so that adapters lie on attention alone.
/// </summary>
internal sealed class Mixtral : CausalLanguageModel
{
    private readonly TokenEmbedding _embedTokens;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly AttentionHeads _heads;

    public Mixtral(ModelConfig config, DecoderParts parts) : base(DecoderShape.Of(config), parts)
    {
        DecoderShape shape = Shape;
        config.Expect("hidden_act", "silu");
        double epsilon = config.Number("rms_norm_eps") ?? 1e-5;
        bool tied = config.Flag("tie_word_embeddings");
        int? window = config.OptionalSize("sliding_window");
        int experts = config.OptionalSize("num_local_experts") ?? 8, chosen = config.OptionalSize("num_experts_per_tok") ?? 2;
        if (config.Number("router_jitter_noise") is > 0) throw new ModelFormatException("config.json has router_jitter_noise: noise on the router's input is not supported; set it to 0.");
        if (chosen > experts) throw new ModelFormatException($"config.json has num_experts_per_tok = {chosen}, more than its {experts} experts.");
        RotaryFrequencies frequencies = RopeFrequencies.Of(config, shape.HeadSize, theta: 1_000_000);
        config.RefuseUnknown("output_router_logits", "router_aux_loss_coef");

        _embedTokens = parts.Embedding("model.embed_tokens", shape);
        _heads = parts.Heads(shape, window);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => (Index: i, At: $"model.layers.{i}")).Select(l => new DecoderLayer(
            parts.RmsNorm($"{l.At}.input_layernorm", shape.Hidden, epsilon),
            parts.Qkv($"{l.At}.self_attn", shape, hasBias: false),
            parts.Linear($"{l.At}.self_attn", hasBias: false, shape.Queries, ("o_proj", shape.Hidden)),
            parts.RmsNorm($"{l.At}.post_attention_layernorm", shape.Hidden, epsilon),
            Experts($"{l.At}.block_sparse_moe")))];
        _norm = parts.RmsNorm("model.norm", shape.Hidden, epsilon);
        _rotary = parts.Rotary(frequencies);
        Head = parts.Head("lm_head", tied, _embedTokens);

        ExpertMixture Experts(string at) => new(
            parts.Matrix($"{at}.gate.weight", experts, shape.Hidden),
            [.. Enumerable.Range(0, experts).Select(e => $"{at}.experts.{e}").Select(e =>
                (parts.Weight(2 * shape.Width, shape.Hidden, $"{e}.w1", $"{e}.w3"), parts.Weight(shape.Hidden, shape.Width, $"{e}.w2")))],
            chosen, normalizes: true);
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
            Activation input = layer.PostAttentionNorm.Forward(tape, middle);
            x = layer.Experts.Forward(tape, input, residual: middle);
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    private sealed record DecoderLayer(RmsNorm InputNorm, PackedLinear Qkv, PackedLinear Output, RmsNorm PostAttentionNorm, ExpertMixture Experts);
}
