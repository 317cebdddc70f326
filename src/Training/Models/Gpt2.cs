using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>
/// GPT-2 (Radford et al., 2019): learned positions, layer norms, and linear layers that the checkpoint stores transposed.
/// </summary>
internal sealed class Gpt2 : CausalLanguageModel
{
    private readonly TokenEmbedding _tokens;
    private readonly Tensor _positions;
    private readonly DecoderLayer[] _layers;
    private readonly LayerNorm _norm;
    private readonly Gelu _gelu;

    public Gpt2(ModelConfig config, DecoderParts parts) : base(ShapeOf(config), parts)
    {
        DecoderShape shape = Shape;
        config.Refuse("add_cross_attention", "attention to an encoder is not supported.");
        _gelu = GeluForm.Of(config, "activation_function", "gelu_new");
        double epsilon = config.Number("layer_norm_epsilon") ?? 1e-5;
        double scale = config.Flag("scale_attn_weights", whenAbsent: true) ? 1 / Math.Sqrt(shape.HeadSize) : 1;
        bool tied = config.Flag("tie_word_embeddings", whenAbsent: true), byLayer = config.Flag("scale_attn_by_inverse_layer_idx");
        config.RefuseUnknown("n_ctx", "reorder_and_upcast_attn", "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj");

        _tokens = parts.Embedding("transformer.wte", shape);
        _positions = parts.Matrix("transformer.wpe.weight", shape.Context, shape.Hidden);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i => (Index: i, At: $"transformer.h.{i}")).Select(l => new DecoderLayer(
            parts.Heads(shape, scale: byLayer ? scale / (l.Index + 1) : scale),
            parts.LayerNorm($"{l.At}.ln_1", shape.Hidden, epsilon),
            parts.Conv1D($"{l.At}.attn.c_attn", shape.Hidden, 3 * shape.Hidden),
            parts.Conv1D($"{l.At}.attn.c_proj", shape.Hidden, shape.Hidden),
            parts.LayerNorm($"{l.At}.ln_2", shape.Hidden, epsilon),
            parts.Conv1D($"{l.At}.mlp.c_fc", shape.Hidden, shape.Width),
            parts.Conv1D($"{l.At}.mlp.c_proj", shape.Width, shape.Hidden)))];
        _norm = parts.LayerNorm("transformer.ln_f", shape.Hidden, epsilon);
        Head = parts.Head("lm_head", tied, _tokens);
    }

    public override CompletionHead Head { get; }

    public override Activation Forward(Tape tape, Tensor ids, Tensor positions, IAttention attention, LoraAdapter? adapter, Tensor? rows = null)
    {
        if (attention.Sequences.FirstOrDefault(s => s.Length > ContextLength) is { Length: > 0 and var length })
            throw new ModelFormatException($"A text has {length} tokens, but this model has {ContextLength} learned positions. Shorten it (max_length).");
        Activation x = ResidualSum.Forward(tape, _tokens.Forward(tape, ids, attention, adapter), tape.Constant(_positions.index_select(0, positions)));
        for (int i = 0; i < _layers.Length; i++)
        {
            DecoderLayer layer = _layers[i];
            Activation qkv = layer.Qkv.Forward(tape, layer.AttentionNorm.Forward(tape, x), adapter);
            Activation attended = attention.Forward(tape, layer.Heads, i, qkv, rotation: null);
            (attended, x) = AskedRows(tape, i, attended, x, rows);
            Activation middle = layer.Output.Forward(tape, attended, adapter, residual: x);
            Activation up = layer.Up.Forward(tape, layer.MlpNorm.Forward(tape, middle), adapter);
            x = layer.Down.Forward(tape, _gelu.Forward(tape, up), adapter, residual: middle);
            tape.EndLayer(x);
        }
        return x;
    }

    public override Activation Norm(Tape tape, Activation hidden) => _norm.Forward(tape, hidden);

    private static DecoderShape ShapeOf(ModelConfig config)
    {
        int hidden = config.Size("n_embd"), heads = config.Size("n_head");
        if (hidden % heads != 0) throw new ModelFormatException($"config.json has n_embd = {hidden}, which is no multiple of n_head = {heads}.");
        return DecoderShape.Checked(new(config.Size("vocab_size"), config.Size("n_positions"), config.Size("n_layer"), hidden, config.OptionalSize("n_inner") ?? 4 * hidden, heads, heads, hidden / heads));
    }

    private sealed record DecoderLayer(AttentionHeads Heads, LayerNorm AttentionNorm, PackedLinear Qkv, PackedLinear Output, LayerNorm MlpNorm, PackedLinear Up, PackedLinear Down);
}
