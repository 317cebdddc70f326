using System.Text;
using System.Text.Json.Nodes;
using TorchSharp;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Modules;
using TrainingService.Training.Tests.Checkpoints;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Models;

/// <summary>A copy of a model folder whose linear layers are stored in another way.</summary>
internal sealed class QuantizedFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <param name="source">The model folder.</param>
    /// <param name="quantizationConfig">What config.json gains, or null.</param>
    /// <param name="store">What a linear layer's weight becomes: names and tensors.</param>
    public QuantizedFolder(string source, JsonNode? quantizationConfig, Func<string, Tensor, IEnumerable<(string Name, Tensor Tensor)>> store)
    {
        using DisposeScope scope = NewDisposeScope();
        Dictionary<string, Tensor> tensors = [];
        foreach (string file in Directory.GetFiles(source))
        {
            if (System.IO.Path.GetExtension(file) != ".safetensors")
            {
                if (!file.EndsWith("index.json", StringComparison.Ordinal)) File.Copy(file, System.IO.Path.Combine(Path, System.IO.Path.GetFileName(file)));
                continue;
            }
            if (file.EndsWith("reference.safetensors", StringComparison.Ordinal)) continue;
            using var reader = new SafetensorsReader(file);
            foreach (string name in reader.Names)
            {
                Tensor tensor = reader.Read(name);
                foreach ((string stored, Tensor value) in IsLinear(name) ? store(name, tensor) : [(name, tensor)]) tensors[stored] = value;
            }
        }
        SafetensorsWriter.Write(System.IO.Path.Combine(Path, "model.safetensors"), tensors);
        if (quantizationConfig is null) return;
        string config = System.IO.Path.Combine(Path, "config.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        json["quantization_config"] = quantizationConfig;
        File.WriteAllText(config, json.ToJsonString());
    }

    public string Path => _folder.Path;

    /// <summary>The model with its linear layers, converted to the type of the arithmetic, rounded to NF4 and stored as numbers again.</summary>
    public static QuantizedFolder RoundedToNf4(string source, ScalarType type = ScalarType.Float32) => new(source, null, (name, weight) =>
    {
        Tensor values = weight.to(type, copy: true);
        Tensor turned = IsConv1D(name) ? values.t().contiguous() : values;
        using Nf4Matrix matrix = Nf4Matrix.Quantize(turned);
        matrix.DequantizeInto(turned);
        return [(name, IsConv1D(name) ? turned.t() : turned)];
    });

    /// <summary>The model as bitsandbytes saves it.</summary>
    public static QuantizedFolder Bitsandbytes(string source, bool doubleQuant) => new(source, JsonNode.Parse("""
        {"_load_in_4bit": true, "_load_in_8bit": false, "bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_quant_storage": "uint8", "bnb_4bit_quant_type": "nf4",
         "bnb_4bit_use_double_quant": true, "llm_int8_enable_fp32_cpu_offload": false, "llm_int8_has_fp16_weight": false, "llm_int8_skip_modules": null,
         "llm_int8_threshold": 6.0, "load_in_4bit": true, "load_in_8bit": false, "quant_method": "bitsandbytes"}
        """), (name, weight) =>
    {
        using Nf4Matrix matrix = Nf4Matrix.Quantize(IsConv1D(name) ? weight.t() : weight);
        var state = new JsonObject
        {
            ["quant_type"] = "nf4",
            ["blocksize"] = 64,
            ["dtype"] = "float32",
            ["shape"] = new JsonArray(matrix.Rows, matrix.Columns),
        };
        List<(string, Tensor)> stored = [(name, matrix.Codes.clone().view(-1, 1)), (name + ".quant_map", tensor([.. Nf4Code.Values]))];
        if (doubleQuant)
        {
            (state["nested_blocksize"], state["nested_dtype"], state["nested_offset"]) = (256, "float32", matrix.Scales.Offset);
            stored.AddRange([(name + ".absmax", matrix.Scales.Absmax.clone()), (name + ".nested_absmax", matrix.Scales.Nested!.clone()), (name + ".nested_quant_map", tensor([.. Nf4Code.DynamicValues]))]);
        }
        else
        {
            stored.Add((name + ".absmax", matrix.Scales.Values()));
        }
        stored.Add((name + ".quant_state.bitsandbytes__nf4", tensor(Encoding.UTF8.GetBytes(state.ToJsonString()))));
        return stored;
    });

    /// <summary>The model with weights of 8-bit floating point, all codes among them, and scales; or the same numbers in float32.</summary>
    /// <param name="source">The model folder.</param>
    /// <param name="type">The format's name of the type.</param>
    /// <param name="scaleShape">Shape of a weight's scales.</param>
    /// <param name="scaleName">What the scales' name adds to the weight's.</param>
    /// <param name="config">quantization_config.</param>
    /// <param name="dequantized">Whether the numbers are stored in float32 instead.</param>
    public static QuantizedFolder ToFloat8(string source, string type, Func<long, long, long[]> scaleShape, string scaleName, string config, bool dequantized)
    {
        IReadOnlyList<float> values = type == "F8_E4M3" ? Float8.E4M3 : Float8.E5M2;
        var folder = new QuantizedFolder(source, dequantized ? null : JsonNode.Parse(config), (name, weight) =>
        {
            (long rows, long columns) = (weight.shape[0], weight.shape[1]);
            using var generator = new Generator((ulong)name.Length);
            // Finite codes of moderate size: exponents of the upper half would drown the rest.
            Tensor codes = randint(0, 0x38, [rows, columns], generator: generator).add_(randint(0, 2, [rows, columns], generator: generator).mul_(128)).to_type(ScalarType.Byte);
            Tensor scales = rand(scaleShape(rows, columns), generator: generator).add_(0.01f);
            if (!dequantized) return [(name, codes), (name + scaleName, scales)];
            Tensor full = scales.numel() == 1 ? scales.view(1, 1) : scales.dim() == 1 ? scales.unsqueeze(1) : scales;
            while (full.shape[0] < rows && full.shape[0] > 1) full = full.repeat_interleave(32, 0).narrow(0, 0, rows);
            while (full.shape[1] < columns && full.shape[1] > 1) full = full.repeat_interleave(32, 1).narrow(1, 0, columns);
            return [(name, tensor([.. values]).index_select(0, codes.view(-1).to_type(ScalarType.Int32)).view(rows, columns) * full)];
        });
        if (!dequantized) RawSafetensors.ChangeHeader(System.IO.Path.Combine(folder.Path, "model.safetensors"), h => h.Replace("\"U8\"", $"\"{type}\"", StringComparison.Ordinal));
        return folder;
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Whether a tensor is what transformers quantises: a linear layer's weight that is neither head nor router.</summary>
    private static bool IsLinear(string name) => name.EndsWith("weight", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.Ordinal)
        && !name.Contains("ln_", StringComparison.Ordinal) && !name.Contains("emb", StringComparison.Ordinal) && !name.Contains("wte", StringComparison.Ordinal)
        && !name.Contains("wpe", StringComparison.Ordinal) && !name.Contains("lm_head", StringComparison.Ordinal) && !name.EndsWith(".gate.weight", StringComparison.Ordinal);

    private static bool IsConv1D(string name) => name.Contains(".c_", StringComparison.Ordinal);
}
