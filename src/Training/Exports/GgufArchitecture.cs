using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Exports;

/// <summary>How llama.cpp names an architecture's linear layers and orders their rows, as its converter from Hugging Face's form does.</summary>
internal sealed class GgufArchitecture
{
    private static readonly Dictionary<string, string> s_names = new()
    {
        ["gemma"] = "gemma",
        ["gemma2"] = "gemma2",
        ["gemma3_text"] = "gemma3",
        ["gpt2"] = "gpt2",
        ["gpt_neox"] = "gptneox",
        ["granite"] = "granite",
        ["llama"] = "llama",
        ["mistral"] = "llama",
        ["mixtral"] = "llama",
        ["olmo2"] = "olmo2",
        ["phi3"] = "phi3",
        ["qwen2"] = "qwen2",
        ["qwen3"] = "qwen3",
        ["qwen3_moe"] = "qwen3moe",
        ["smollm3"] = "smollm3",
    };

    /// <summary>llama.cpp's tensors by the end of a module path.</summary>
    private static readonly (string Path, string Tensor)[] s_layers =
    [
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.qkv_proj", "attn_qkv"),
        ("self_attn.o_proj", "attn_output"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.gate_up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
        ("attn.c_attn", "attn_qkv"),
        ("attn.c_proj", "attn_output"),
        ("mlp.c_fc", "ffn_up"),
        ("mlp.c_proj", "ffn_down"),
        ("attention.query_key_value", "attn_qkv"),
        ("attention.dense", "attn_output"),
        ("mlp.dense_h_to_4h", "ffn_up"),
        ("mlp.dense_4h_to_h", "ffn_down"),
    ];

    private readonly int _heads;
    private readonly int _keyHeads;

    /// <exception cref="ModelFormatException">llama.cpp does not know the architecture.</exception>
    public GgufArchitecture(ModelConfig config)
    {
        Name = s_names.GetValueOrDefault(config.ModelType)
            ?? throw new ModelFormatException($"config.json has model_type = {config.ModelType}, of which no GGUF adapter can be made; possible are {string.Join(", ", s_names.Keys)}.");
        _heads = config.OptionalSize("num_attention_heads") ?? config.Size("n_head");
        _keyHeads = config.OptionalSize("num_key_value_heads") ?? _heads;
    }

    /// <summary>llama.cpp's name of the architecture.</summary>
    public string Name { get; }

    /// <summary>llama.cpp's name of a layer's weight.</summary>
    /// <exception cref="ModelFormatException">It has none.</exception>
    public static string TensorName(string path)
    {
        string? tensor = s_layers.FirstOrDefault(l => LoraRecipe.EndsWith(path, l.Path)).Tensor;
        return tensor is not null && LoraRecipe.LayerIndex(path) is { } layer ? $"blk.{layer}.{tensor}.weight"
            : throw new ModelFormatException($"The adapter is of {path}, for which llama.cpp has no tensor.");
    }

    /// <summary>Puts a layer's output rows (out, …) into llama.cpp's order.</summary>
    public Tensor Rows(string path, Tensor rows) => (Name, path[(path.LastIndexOf('.') + 1)..]) switch
    {
        // Its rotary embedding turns neighbours where Hugging Face's turns the halves of a head.
        ("llama" or "granite" or "smollm3", "q_proj") => Exchanged(rows, _heads, 2),
        ("llama" or "granite" or "smollm3", "k_proj") => Exchanged(rows, _keyHeads, 2),
        // Queries, keys and values head by head become one after the other.
        ("gptneox", "query_key_value") => Exchanged(rows.view(1, _heads, 3, -1), rows.shape),
        _ => rows,
    };

    /// <summary>(outer · inner · n, …) → each outer group's inner parts row by row.</summary>
    private static Tensor Exchanged(Tensor rows, int outer, int inner) => Exchanged(rows.view(outer, inner, rows.shape[0] / outer / inner, -1), rows.shape);

    private static Tensor Exchanged(Tensor grouped, long[] shape) => grouped.transpose(1, 2).reshape(shape);
}
