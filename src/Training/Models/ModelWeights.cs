using System.Text.Json;
using TorchSharp;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>The weights of a model folder: one safetensors file, or several with an index.</summary>
internal sealed class ModelWeights : IDisposable
{
    /// <summary>Types of tensors that are read as numbers, by safetensors' names.</summary>
    public static IReadOnlyList<string> FloatingPointTypes { get; } = ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"];

    private readonly Dictionary<string, SafetensorsReader> _readers = [];
    private readonly ScalarType _dtype;
    private readonly Device _device;
    private readonly StoredQuantization _quantization;

    /// <summary>Opens the folder's weights.</summary>
    /// <param name="folder">A model folder in Hugging Face's form.</param>
    /// <param name="dtype">Type that tensors are converted to.</param>
    /// <param name="device">Device that tensors are put on.</param>
    /// <param name="quantization">How config.json says they are quantised; null when they are not.</param>
    /// <exception cref="ModelFormatException">There are none, or they are damaged.</exception>
    public ModelWeights(string folder, ScalarType dtype, Device device, StoredQuantization? quantization = null)
    {
        (_dtype, _device, _quantization) = (dtype, device, quantization ?? StoredQuantization.None);
        foreach (string file in Files(folder))
        {
            var reader = new SafetensorsReader(Path.Combine(folder, file));
            foreach (string name in reader.Names) _readers[name] = reader;
        }
    }

    /// <summary>Whether there is such a tensor.</summary>
    public bool Contains(string name) => Find(name) is not null;

    /// <summary>Whether there is a tensor of this name that is not, byte for byte, the other one.</summary>
    public bool HoldsAnother(string name, string than)
    {
        if (Find(name) is not { } own) return false;
        (string other, SafetensorsReader reader) = Stored(than);
        return own.Name != other && !own.Reader.Equals(own.Name, reader, other);
    }

    /// <summary>A tensor of the expected shape.</summary>
    public Tensor Read(string name, params long[] shape) => Stack([name], shape);

    /// <summary>Tensors one below the other: the first dimension is summed, the others are shared.</summary>
    /// <param name="names">The tensors.</param>
    /// <param name="shape">Shape of the result.</param>
    public Tensor Stack(IReadOnlyList<string> names, params long[] shape)
    {
        // Memory is asked for once the files are known to fill it: config.json may say anything.
        long[] rows = [.. names.Select(name => ShapeOf(name) is { Length: > 0 } own && own.AsSpan(1).SequenceEqual(shape.AsSpan(1)) ? own[0]
            : throw new ModelFormatException($"Tensor '{name}' has shape [{string.Join(", ", ShapeOf(name))}], which does not fit config.json: [{string.Join(", ", shape)}]."))];
        if (rows.Sum() != shape[0]) throw new ModelFormatException($"{string.Join(" + ", names)} has {rows.Sum()} rows, but config.json says {shape[0]}.");
        Tensor result = empty(shape, _dtype, _device).DetachFromDisposeScope();
        try
        {
            long row = 0;
            foreach ((string name, long count) in names.Zip(rows))
            {
                using Tensor slice = result.narrow(0, row, count);
                ReadInto(name, slice);
                row += count;
            }
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>Whether a matrix is stored as bitsandbytes writes NF4.</summary>
    public bool IsNf4(string name) => Contains(name + ".absmax");

    /// <summary>Rows and columns, or whatever dimensions a tensor has once it is unpacked.</summary>
    public long[] ShapeOf(string name) => IsNf4(name) ? Nf4State(name).Shape : Stored(name).Reader.ShapeOf(Stored(name).Name);

    /// <summary>A matrix that is stored as NF4, as it is.</summary>
    public Nf4Matrix ReadNf4(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        Nf4State state = Nf4State(name);
        Tensor table = Companion(name, ".quant_map", ScalarType.Float32, 16);
        if (!table.data<float>().Zip(Nf4Code.Values, (a, b) => Math.Abs(a - b) < 1e-6).All(same => same))
            throw new ModelFormatException($"Tensor '{name}' is quantised with other values than NF4's.");
        long count = state.Shape[0] * state.Shape[1], blocks = (count + Nf4Code.BlockSize - 1) / Nf4Code.BlockSize;
        Tensor codes = Companion(name, "", ScalarType.Byte, (count + 1) / 2);
        if (!state.IsNested) return new(state.Shape[0], state.Shape[1], codes, new(Companion(name, ".absmax", ScalarType.Float32, blocks), null, null, 0));
        return new(state.Shape[0], state.Shape[1], codes, new(
            Companion(name, ".absmax", ScalarType.Byte, blocks),
            Companion(name, ".nested_absmax", ScalarType.Float32, (blocks + Nf4Code.NestedBlockSize - 1) / Nf4Code.NestedBlockSize),
            Companion(name, ".nested_quant_map", ScalarType.Float32, 256), state.Offset));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SafetensorsReader reader in _readers.Values.Distinct()) reader.Dispose();
    }

    /// <summary>Reads one tensor, whatever it is stored as.</summary>
    private void ReadInto(string name, Tensor destination)
    {
        if (IsNf4(name))
        {
            using Nf4Matrix matrix = ReadNf4(name);
            matrix.DequantizeInto(destination);
            return;
        }
        (string stored, SafetensorsReader reader) = Stored(name);
        if (reader.TypeOf(stored) is var type && !FloatingPointTypes.Contains(type))
            throw new ModelFormatException($"Tensor '{name}' has type {type}; weights are floating-point numbers. Quantised weights need config.json to say how (quantization_config).");
        reader.ReadInto(stored, destination);
        if (!reader.IsFloat8(stored)) return;
        if ((Find(name + "_scale_inv") ?? Find(name + "_scale")) is { } scale)
        {
            using Tensor scales = scale.Reader.Read(scale.Name);
            _quantization.Scale(name, destination, scales);
        }
        else if (_quantization.HasScales)
        {
            throw new ModelFormatException($"Tensor '{name}' is fp8, but the weights have neither '{name}_scale_inv' nor '{name}_scale'.");
        }
    }

    private Nf4State Nf4State(string name)
    {
        if (Find(name + ".quant_state.bitsandbytes__nf4") is not { } stored)
            throw new ModelFormatException($"Tensor '{name}' is quantised by bitsandbytes to another type than NF4; quantise the model anew with bnb_4bit_quant_type = nf4.");
        if (stored.Reader.ShapeOf(stored.Name) is not [<= 4096]) throw new ModelFormatException($"Tensor '{stored.Name}' is no state that bitsandbytes writes.");
        using Tensor json = stored.Reader.Read(stored.Name);
        return Models.Nf4State.Parse(stored.Name, json.bytes);
    }

    private Tensor Companion(string name, string suffix, ScalarType type, long count)
    {
        (string stored, SafetensorsReader reader) = Stored(name + suffix);
        Tensor tensor = reader.Read(stored);
        if (tensor.dtype != type || tensor.numel() != count)
            throw new ModelFormatException($"Tensor '{stored}' has {tensor.numel()} elements of type {reader.TypeOf(stored)}, but bitsandbytes' nf4 has {count} of {type}.");
        return tensor.view(-1).to(_device);
    }

    private (string Name, SafetensorsReader Reader) Stored(string name) => Find(name) ?? throw new ModelFormatException($"The model's weights have no tensor '{name}'.");

    /// <summary>A checkpoint saved from the decoder without its head, such as GPT-2's, leaves out the first part of the name.</summary>
    private (string Name, SafetensorsReader Reader)? Find(string name)
    {
        if (_readers.TryGetValue(name, out SafetensorsReader? reader)) return (name, reader);
        string inner = name[(name.IndexOf('.') + 1)..];
        return inner.Contains('.') && _readers.TryGetValue(inner, out reader) ? (inner, reader) : null;
    }

    /// <summary>Names of a folder's weight files.</summary>
    /// <exception cref="ModelFormatException">There are none, or the index is not sound.</exception>
    public static IReadOnlyList<string> Files(string folder)
    {
        if (File.Exists(Path.Combine(folder, "model.safetensors"))) return ["model.safetensors"];
        string index = Path.Combine(folder, "model.safetensors.index.json");
        if (!File.Exists(index))
        {
            throw new ModelFormatException(Directory.EnumerateFiles(folder, "*.bin").Any() || Directory.EnumerateFiles(folder, "*.pt*").Any()
                ? "The model's weights are pickle files, which can run code when opened. Convert them to safetensors."
                : "The model's folder has neither model.safetensors nor model.safetensors.index.json.");
        }
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(index));
            string[] files = [.. json.RootElement.GetProperty("weight_map").EnumerateObject().Select(p => p.Value.GetString() ?? "").Distinct()];
            // The names come from the model's author: they must stay inside the folder.
            if (files.FirstOrDefault(f => f != Path.GetFileName(f) || !f.EndsWith(".safetensors", StringComparison.Ordinal)) is { } bad)
                throw new ModelFormatException($"model.safetensors.index.json names '{bad}', which is not a safetensors file of this folder.");
            if (files.FirstOrDefault(f => !File.Exists(Path.Combine(folder, f))) is { } missing)
                throw new ModelFormatException($"model.safetensors.index.json names '{missing}', which is missing.");
            return files;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new ModelFormatException("model.safetensors.index.json has no weight_map of tensor to file: " + exception.Message);
        }
    }
}
