using System.Text.Json;
using TrainingService.Training.Checkpoints;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>The weights of a model folder: one safetensors file, or several with an index.</summary>
internal sealed class ModelWeights : IDisposable
{
    private readonly Dictionary<string, SafetensorsReader> _readers = [];
    private readonly ScalarType _dtype;
    private readonly Device _device;

    /// <summary>Opens the folder's weights.</summary>
    /// <param name="folder">A model folder in Hugging Face's form.</param>
    /// <param name="dtype">Type that tensors are converted to.</param>
    /// <param name="device">Device that tensors are put on.</param>
    /// <exception cref="ModelFormatException">There are none, or they are damaged.</exception>
    public ModelWeights(string folder, ScalarType dtype, Device device)
    {
        (_dtype, _device) = (dtype, device);
        foreach (string file in Files(folder))
        {
            var reader = new SafetensorsReader(Path.Combine(folder, file));
            foreach (string name in reader.Names) _readers[name] = reader;
        }
    }

    /// <summary>Whether there is such a tensor.</summary>
    public bool Contains(string name) => Find(name) is not null;

    /// <summary>A tensor of the expected shape.</summary>
    public Tensor Read(string name, params long[] shape) => Stack([name], shape);

    /// <summary>Tensors one below the other: the first dimension is summed, the others are shared.</summary>
    /// <param name="names">The tensors.</param>
    /// <param name="shape">Shape of the result.</param>
    public Tensor Stack(IReadOnlyList<string> names, params long[] shape)
    {
        Tensor result = empty(shape, _dtype, _device).DetachFromDisposeScope();
        long row = 0;
        foreach (string name in names)
        {
            (string stored, SafetensorsReader reader) = Find(name) ?? throw new ModelFormatException($"The model's weights have no tensor '{name}'.");
            long[] own = reader.ShapeOf(stored);
            if (own.Length != shape.Length || row + own[0] > shape[0])
                throw new ModelFormatException($"Tensor '{name}' has shape [{string.Join(", ", own)}], which does not fit config.json.");
            using Tensor slice = result.narrow(0, row, own[0]);
            reader.ReadInto(stored, slice);
            row += own[0];
        }
        return row == shape[0] ? result : throw new ModelFormatException($"{string.Join(" + ", names)} has {row} rows, but config.json says {shape[0]}.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SafetensorsReader reader in _readers.Values.Distinct()) reader.Dispose();
    }

    /// <summary>A checkpoint saved from the decoder without its head, such as GPT-2's, leaves out the first part of the name.</summary>
    private (string Name, SafetensorsReader Reader)? Find(string name)
    {
        if (_readers.TryGetValue(name, out SafetensorsReader? reader)) return (name, reader);
        string inner = name[(name.IndexOf('.') + 1)..];
        return inner.Contains('.') && _readers.TryGetValue(inner, out reader) ? (inner, reader) : null;
    }

    private static IEnumerable<string> Files(string folder)
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
