using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using TrainingService.Training.Native;
using TrainingService.Training.Tests.Checkpoints;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Models;

/// <summary>While a model loads, the process grows to the model's own bytes and what a part of a tensor takes: there is never a second copy.</summary>
[Collection(nameof(Alone))]
public class LoadingMemoryTests(ITestOutputHelper output)
{
    private const long Hidden = 1024, Width = 24_576, Vocabulary = 32_768;

    /// <summary>What is read, converted and rounded at a time, and what the C library keeps of it.</summary>
    private const long Parts = 80L << 20;

    private static readonly (string Name, long Rows, long Columns)[] s_linear =
    [
        .. new[] { "q", "k", "v", "o" }.Select(p => ($"model.layers.0.self_attn.{p}_proj.weight", Hidden, Hidden)),
        ("model.layers.0.mlp.gate_proj.weight", Width, Hidden), ("model.layers.0.mlp.up_proj.weight", Width, Hidden), ("model.layers.0.mlp.down_proj.weight", Hidden, Width),
    ];

    [Theory]
    [InlineData("BF16", 1, false)]
    [InlineData("F32", 1, false)]
    [InlineData("F32", 3, false)]
    [InlineData("F8_E4M3", 1, false)]
    [InlineData("NF4", 2, false)]
    [InlineData("BF16", 1, true)]
    public void Loading_HoldsNoSecondCopy(string type, int files, bool loadIn4Bit)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The peak of a process is read from Linux's /proc.");
        using var folder = new TemporaryFolder();
        Write(folder.Path, type, files);
        long linear = s_linear.Sum(l => l.Rows * l.Columns), numbers = Vocabulary * Hidden * 2;
        bool isNf4 = type == "NF4" || loadIn4Bit;
        long bytes = numbers + (isNf4 ? linear / 2 + linear / 64 : linear * 2);
        // A matrix is rounded to NF4 once it is there in full; the place of the last one may not be free yet.
        long beside = Parts + (loadIn4Bit ? 2 * Width * Hidden * 2 : 0);

        // libtorch itself is there before; and what was freed before would be taken again unseen.
        CausalLanguageModel.Load(Golden.Path("families", "llama"), ComputeType.Bfloat16, CPU, loadIn4Bit).Dispose();
        GC.Collect();
        NativeHeap.GiveFreedMemoryBack();
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Assert.Skip("This machine's /proc does not let a process begin its peak anew.");
        }
        long before = Status("VmHWM");
        using CausalLanguageModel model = CausalLanguageModel.Load(folder.Path, ComputeType.Bfloat16, CPU, loadIn4Bit);
        long grown = Status("VmHWM") - before;

        output.WriteLine($"{bytes >> 20} MiB of weights, {grown >> 20} MiB at the peak");
        // What was freed before and is taken again is no growth.
        Assert.InRange(grown, bytes / 2, bytes + beside);
    }

    private static long Status(string name) =>
        long.Parse(File.ReadLines("/proc/self/status").Single(l => l.StartsWith(name, StringComparison.Ordinal)).Split((char[])[':', ' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;

    /// <summary>A model of zeros, which take no room on the disk: 108 million numbers.</summary>
    private static void Write(string folder, string type, int files)
    {
        var config = new Dictionary<string, object>
        {
            ["model_type"] = "llama",
            ["hidden_size"] = Hidden,
            ["intermediate_size"] = Width,
            ["vocab_size"] = Vocabulary,
            ["num_hidden_layers"] = 1,
            ["num_attention_heads"] = 16,
            ["tie_word_embeddings"] = true,
        };
        if (type == "F8_E4M3") config["quantization_config"] = new { quant_method = "fp8", weight_block_size = new[] { 128, 128 } };
        if (type == "NF4") config["quantization_config"] = new { quant_method = "bitsandbytes", load_in_4bit = true, bnb_4bit_quant_type = "nf4" };
        File.WriteAllText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(config));

        string plain = type is "F32" ? "F32" : "BF16";
        StoredTensor[] tensors =
        [
            new("model.embed_tokens.weight", plain, [Vocabulary, Hidden]),
            .. new[] { "model.layers.0.input_layernorm", "model.layers.0.post_attention_layernorm", "model.norm" }.Select(n => new StoredTensor(n + ".weight", plain, [Hidden])),
            .. s_linear.SelectMany(l => Stored(l.Name, l.Rows, l.Columns, type)),
        ];
        if (files == 1)
        {
            Write(Path.Combine(folder, "model.safetensors"), tensors);
            return;
        }
        Dictionary<string, string> map = [];
        foreach ((int part, StoredTensor[] own) in tensors.Chunk((tensors.Length + files - 1) / files).Index())
        {
            string name = $"model-{part}.safetensors";
            Write(Path.Combine(folder, name), own);
            foreach (StoredTensor tensor in own) map[tensor.Name] = name;
        }
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), JsonSerializer.Serialize(new { weight_map = map }));
    }

    private static IEnumerable<StoredTensor> Stored(string name, long rows, long columns, string type)
    {
        long blocks = rows * columns / 64;
        return type switch
        {
            "F8_E4M3" => [new(name, type, [rows, columns]), new(name + "_scale_inv", "F32", [rows / 128, columns / 128])],
            "NF4" =>
            [
                new(name, "U8", [rows * columns / 2, 1]), new(name + ".absmax", "U8", [blocks]), new(name + ".nested_absmax", "F32", [blocks / 256]),
                new(name + ".nested_quant_map", "F32", [256]), new(name + ".quant_map", "F32", [16], MemoryMarshal.AsBytes<float>([.. Nf4Code.Values]).ToArray()),
                Text(name + ".quant_state.bitsandbytes__nf4", new { quant_type = "nf4", blocksize = 64, dtype = "bfloat16", shape = new[] { rows, columns }, nested_blocksize = 256, nested_dtype = "float32", nested_offset = 0 }),
            ],
            _ => [new(name, type, [rows, columns])],
        };
    }

    private static StoredTensor Text(string name, object value)
    {
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(value);
        return new(name, "U8", [bytes.Length], bytes);
    }

    private static void Write(string path, StoredTensor[] tensors)
    {
        Dictionary<string, object> header = [];
        List<(long Offset, byte[] Data)> contents = [];
        long end = 0;
        foreach (StoredTensor tensor in tensors)
        {
            if (tensor.Data is { } data) contents.Add((end, data));
            header[tensor.Name] = new { dtype = tensor.Type, shape = tensor.Shape, data_offsets = new[] { end, end += tensor.Bytes } };
        }
        RawSafetensors.Write(path, JsonSerializer.Serialize(header), []);
        using FileStream file = File.OpenWrite(path);
        long start = file.Length;
        file.SetLength(start + end);
        foreach ((long offset, byte[] data) in contents)
        {
            file.Position = start + offset;
            file.Write(data);
        }
    }

    private sealed record StoredTensor(string Name, string Type, long[] Shape, byte[]? Data = null)
    {
        public long Bytes => Shape.Aggregate(Type switch { "F32" => 4L, "BF16" => 2, _ => 1 }, (a, b) => a * b);
    }
}

/// <summary>Tests that nothing may run beside.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
