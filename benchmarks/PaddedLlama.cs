using TorchSharp;
using TorchSharp.Modules;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TrainingService.Benchmarks;

/// <summary>Llama as a textbook writes it: padded rows, libtorch's attention and its autograd, LoRA on q and v.</summary>
internal sealed class PaddedLlama : IDisposable
{
    private readonly int _heads, _keyHeads, _headSize;
    private readonly double _epsilon;
    private readonly Tensor _embed, _norm, _head, _inverseFrequencies;
    private readonly List<Layer> _layers = [];

    public PaddedLlama(string folder, TrainingRecipe recipe)
    {
        ModelConfig config = ModelConfig.Load(folder);
        ScalarType dtype = recipe.ComputeType == ComputeType.Float32 ? ScalarType.Float32 : ScalarType.BFloat16;
        using var weights = new ModelWeights(folder, dtype, CPU);
        int hidden = config.Size("hidden_size"), width = config.Size("intermediate_size"), vocabulary = config.Size("vocab_size");
        _heads = config.Size("num_attention_heads");
        _keyHeads = config.Size("num_key_value_heads");
        _headSize = config.OptionalSize("head_dim") ?? hidden / _heads;
        _epsilon = config.Number("rms_norm_eps") ?? 1e-6;
        _embed = weights.Read("model.embed_tokens.weight", vocabulary, hidden);
        _norm = weights.Read("model.norm.weight", hidden);
        _head = weights.Contains("lm_head.weight") ? weights.Read("lm_head.weight", vocabulary, hidden) : _embed;
        _inverseFrequencies = tensor(RopeFrequencies.Of(config, _headSize).Inverse);

        string[] paths = [.. Enumerable.Range(0, config.Size("num_hidden_layers")).Select(i => $"model.layers.{i}.")];
        LinearLayer[] adapted = [.. paths.SelectMany(p => new[] { Linear(p + "self_attn.q_proj", _heads * _headSize), Linear(p + "self_attn.v_proj", _keyHeads * _headSize) })];
        using var adapter = new LoraAdapter(recipe.Lora, new(adapted, [], CPU), trains: false);
        adapter.Initialize(recipe.Seed);
        for (int i = 0; i < paths.Length; i++)
        {
            string p = paths[i];
            _layers.Add(new(
                weights.Read(p + "input_layernorm.weight", hidden), weights.Read(p + "post_attention_layernorm.weight", hidden),
                adapted[2 * i].Weight.Matrix(), weights.Read(p + "self_attn.k_proj.weight", _keyHeads * _headSize, hidden),
                adapted[2 * i + 1].Weight.Matrix(), weights.Read(p + "self_attn.o_proj.weight", hidden, _heads * _headSize),
                weights.Read(p + "mlp.gate_proj.weight", width, hidden), weights.Read(p + "mlp.up_proj.weight", width, hidden), weights.Read(p + "mlp.down_proj.weight", hidden, width),
                new(adapter.Find(adapted[2 * i])!), new(adapter.Find(adapted[2 * i + 1])!)));
        }

        LinearLayer Linear(string path, int output) => new(path, new DenseWeight(weights.Read(path + ".weight", output, hidden)), 0, output, hidden);
    }

    /// <summary>What is trained.</summary>
    public IEnumerable<Parameter> Parameters => _layers.SelectMany(l => new[] { l.LoraQ.A, l.LoraQ.B, l.LoraV.A, l.LoraV.B });

    /// <summary>(rows, tokens) → log-probabilities of each next token, (rows, tokens − 1), float32.</summary>
    public Tensor LogProbs(Tensor ids, bool adapted)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor angles = arange(ids.shape[1], ScalarType.Float32).unsqueeze(1) * _inverseFrequencies;
        Tensor cos = angles.cos().to_type(_embed.dtype), sin = angles.sin().to_type(_embed.dtype);
        Tensor x = _embed.index_select(0, ids.flatten()).view(ids.shape[0], ids.shape[1], -1);
        foreach (Layer layer in _layers) x = Decode(layer, x, cos, sin, adapted);
        Tensor logits = F.linear(Normalize(x, _norm), _head).narrow(1, 0, ids.shape[1] - 1);
        return logits.to_type(ScalarType.Float32).log_softmax(-1).gather(-1, ids.narrow(1, 1, ids.shape[1] - 1).unsqueeze(-1)).squeeze(-1).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (Tensor tensor in new[] { _embed, _norm, _head, _inverseFrequencies }.Concat(Parameters)
            .Concat(_layers.SelectMany(l => new[] { l.InputNorm, l.MlpNorm, l.Q, l.K, l.V, l.O, l.Gate, l.Up, l.Down })))
            tensor.Dispose();
    }

    private Tensor Decode(Layer layer, Tensor x, Tensor cos, Tensor sin, bool adapted)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor input = Normalize(x, layer.InputNorm);
        Tensor q = F.linear(input, layer.Q), k = F.linear(input, layer.K), v = F.linear(input, layer.V);
        if (adapted) (q, v) = (q + layer.LoraQ.Of(input), v + layer.LoraV.Of(input));
        Tensor attended = F.scaled_dot_product_attention(Rotate(Heads(q, _heads), cos, sin), Repeat(Rotate(Heads(k, _keyHeads), cos, sin)), Repeat(Heads(v, _keyHeads)), is_casual: true);
        Tensor middle = x + F.linear(attended.transpose(1, 2).reshape(x.shape[0], x.shape[1], -1), layer.O);
        Tensor mlp = Normalize(middle, layer.MlpNorm);
        return (middle + F.linear(F.silu(F.linear(mlp, layer.Gate)) * F.linear(mlp, layer.Up), layer.Down)).MoveToOuterDisposeScope();
    }

    private Tensor Heads(Tensor x, int heads) => x.view(x.shape[0], x.shape[1], heads, _headSize).transpose(1, 2);

    private Tensor Repeat(Tensor x) => x.repeat_interleave(_heads / _keyHeads, 1);

    private static Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        Tensor[] halves = x.chunk(2, -1);
        return cat([halves[0] * cos - halves[1] * sin, halves[1] * cos + halves[0] * sin], -1);
    }

    private Tensor Normalize(Tensor x, Tensor weight)
    {
        Tensor wide = x.to_type(ScalarType.Float32);
        return (wide * (wide.square().mean([-1], keepdim: true) + _epsilon).rsqrt()).to_type(x.dtype) * weight;
    }

    private sealed record Layer(Tensor InputNorm, Tensor MlpNorm, Tensor Q, Tensor K, Tensor V, Tensor O, Tensor Gate, Tensor Up, Tensor Down, Lora LoraQ, Lora LoraV);

    private sealed class Lora(LoraLayer start)
    {
        public Parameter A { get; } = new(start.A.clone());

        public Parameter B { get; } = new(start.B.clone());

        public Tensor Of(Tensor x) => F.linear(F.linear(x, A.to_type(x.dtype)), B.to_type(x.dtype)) * start.Scaling;
    }
}
