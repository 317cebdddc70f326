using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>
/// GPT-NeoX (Black et al., 2022, arXiv 2204.06745), Pythia's architecture: attention and MLP side by side on the same
/// residual, and rotary positions over a part of each head.
/// </summary>
internal sealed class GptNeoX : CausalLanguageModel
{
    private readonly TokenEmbedding _embedIn;
    private readonly DecoderLayer[] _layers;
    private readonly LayerNorm _norm;
    private readonly RotaryEmbedding _rotary;
    private readonly AttentionHeads _heads;
    private readonly Gelu _gelu;
    private readonly bool _parallel;

    public GptNeoX(ModelConfig config, DecoderParts parts) : base(DecoderShape.Of(config), parts)
    {
        DecoderShape shape = Shape;
        _gelu = GeluForm.Of(config, "hidden_act", "gelu");
        _parallel = config.Flag("use_parallel_residual", whenAbsent: true);
        double epsilon = config.Number("layer_norm_eps") ?? 1e-5;
        bool attentionBias = config.Flag("attention_bias", whenAbsent: true), tied = config.Flag("tie_word_embeddings");
        RotaryFrequencies frequencies = RopeFrequencies.Of(config, shape.HeadSize, config.Number("rotary_emb_base") ?? 10_000, config.Number("rotary_pct") ?? 0.25);
        config.RefuseUnknown();

        _embedIn = parts.Embedding("gpt_neox.embed_in", shape);
        _heads = parts.Heads(shape);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => $"gpt_neox.layers.{i}").Select(at => new DecoderLayer(
            parts.LayerNorm($"{at}.input_layernorm", shape.Hidden, epsilon),
            parts.Linear($"{at}.attention", attentionBias, shape.Hidden, ("query_key_value", 3 * shape.Queries)),
            parts.Linear($"{at}.attention", attentionBias, shape.Queries, ("dense", shape.Hidden)),
            parts.LayerNorm($"{at}.post_attention_layernorm", shape.Hidden, epsilon),
            parts.Linear($"{at}.mlp", hasBias: true, shape.Hidden, ("dense_h_to_4h", shape.Width)),
            parts.Linear($"{at}.mlp", hasBias: true, shape.Width, ("dense_4h_to_h", shape.Hidden))))];
        _norm = parts.LayerNorm("gpt_neox.final_layer_norm", shape.Hidden, epsilon);
        _rotary = parts.Rotary(frequencies);
        Head = parts.Head("embed_out", tied, _embedIn);
    }

    public override CompletionHead Head { get; }

    public override Activation Forward(Tape tape, Tensor ids, Tensor positions, IAttention attention, LoraAdapter? adapter, Tensor? rows = null)
    {
        Rotation rotation = _rotary.At(positions, attention.Sequences, Dtype);
        Activation x = _embedIn.Forward(tape, ids, attention, adapter);
        for (int i = 0; i < _layers.Length; i++)
        {
            DecoderLayer layer = _layers[i];
            Activation headwise = layer.QueryKeyValue.Forward(tape, layer.InputNorm.Forward(tape, x), adapter);
            Activation attended = attention.Forward(tape, _heads, i, HeadwiseQkv.Forward(tape, _heads, headwise), rotation);
            (attended, x) = AskedRows(tape, i, attended, x, rows);
            Activation middle = layer.Dense.Forward(tape, attended, adapter, residual: x);
            Activation up = layer.Up.Forward(tape, layer.PostAttentionNorm.Forward(tape, _parallel ? x : middle), adapter);
            x = layer.Down.Forward(tape, _gelu.Forward(tape, up), adapter, residual: middle);
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    private sealed record DecoderLayer(LayerNorm InputNorm, PackedLinear QueryKeyValue, PackedLinear Dense, LayerNorm PostAttentionNorm, PackedLinear Up, PackedLinear Down);
}
