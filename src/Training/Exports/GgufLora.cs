using TorchSharp;
using TrainingService.Training.Models;
using TrainingService.Training.Native;
using static TorchSharp.torch;

namespace TrainingService.Training.Exports;

/// <summary>
/// Writes an adapter as a GGUF file for llama.cpp (<c>--lora</c>), as its convert_lora_to_gguf.py does. llama.cpp scales each
/// pair by alpha / rank: what rsLoRA and alpha_pattern make of the scaling beyond that is multiplied into B.
/// </summary>
public static class GgufLora
{
    private const uint AllFloat32 = 0, QuantizationVersion = 2;

    /// <summary>Writes the file.</summary>
    /// <param name="modelFolder">The base model; its config.json alone is read.</param>
    /// <param name="adapterFolder">The adapter, in PEFT's form.</param>
    /// <param name="path">The file; it appears, or is replaced, when it is complete.</param>
    /// <param name="progress">Told after each tensor, or null.</param>
    /// <param name="cancellationToken">Heard between tensors; nothing is left then.</param>
    /// <exception cref="ModelFormatException">llama.cpp has no place for the adapter or a part of it.</exception>
    public static void Write(string modelFolder, string adapterFolder, string path, IProgress<ExportProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        TorchRuntime.Initialize();
        using var _ = no_grad();
        var architecture = new GgufArchitecture(ModelConfig.Load(modelFolder));
        using var adapter = new ExportedAdapter(adapterFolder);
        if (adapter.Recipe.UseDora) throw new ModelFormatException("llama.cpp has no DoRA: its adapters only add to a weight. Export the merged model instead.");
        if (adapter.Saved is [var saved, ..]) throw new ModelFormatException($"The adapter holds a whole {saved} (modules_to_save), which a GGUF adapter cannot. Export the merged model instead.");

        List<KeyValuePair<string, object>> metadata =
        [
            new("general.architecture", architecture.Name),
            new("general.type", "adapter"),
            new("general.name", Path.GetFileNameWithoutExtension(path)),
            new("general.file_type", AllFloat32),
            new("general.quantization_version", QuantizationVersion),
            new("adapter.type", "lora"),
            new("adapter.lora.alpha", (float)adapter.Recipe.Alpha),
        ];
        (string, long[] Shape, Func<Tensor>)[] tensors = [.. adapter.Adapted.SelectMany(layer => Tensors(adapter, architecture, layer))];
        long bytes = 0, total = tensors.Sum(t => t.Shape[0] * t.Shape[1] * sizeof(float));
        string incomplete = $"{path}.{Guid.NewGuid():n}.tmp";
        try
        {
            using (var writer = new GgufWriter(incomplete))
                writer.Write(metadata, tensors, written =>
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    progress?.Report(new(bytes += written, total));
                });
            File.Move(incomplete, path, overwrite: true);
        }
        finally
        {
            File.Delete(incomplete);
        }
    }

    private static IEnumerable<(string Name, long[] Shape, Func<Tensor> Make)> Tensors(ExportedAdapter adapter, GgufArchitecture architecture, string layer)
    {
        string name = GgufArchitecture.TensorName(layer);
        (long[] a, long[] b) = adapter.PairShapes(layer);
        double beyond = adapter.Scaling(layer) * a[0] / adapter.Recipe.Alpha;
        yield return (name + ".lora_a", a, () => adapter.Pair(layer).A);
        yield return (name + ".lora_b", b, () => architecture.Rows(layer, adapter.Pair(layer).B).mul(beyond));
    }
}
