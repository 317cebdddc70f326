using TorchSharp;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Adapters;

/// <summary>Reads and writes adapters in PEFT's form: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</summary>
internal static class PeftFiles
{
    /// <summary>Name of the configuration file.</summary>
    public const string ConfigFile = "adapter_config.json";

    /// <summary>Name of the weights file.</summary>
    public const string WeightsFile = "adapter_model.safetensors";

    private const string Prefix = "base_model.model.";

    /// <summary>Writes both files into a folder.</summary>
    /// <param name="adapter">The adapter.</param>
    /// <param name="folder">An existing folder.</param>
    /// <param name="baseModel">What <c>base_model_name_or_path</c> says.</param>
    public static void Write(LoraAdapter adapter, string folder, string baseModel)
    {
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), Tensors(adapter));
        File.WriteAllText(Path.Combine(folder, ConfigFile), PeftConfig.Write(adapter, baseModel));
    }

    /// <summary>Makes the frozen adapter of a PEFT folder.</summary>
    /// <exception cref="ModelFormatException">It is no LoRA adapter of this model, or uses a setting that is not supported.</exception>
    public static LoraAdapter Load(string folder, AdaptableModules modules)
    {
        var adapter = new LoraAdapter(PeftConfig.Read(folder), modules, trains: false);
        try
        {
            ReadWeights(adapter, folder);
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    /// <summary>Reads a folder's weights into <paramref name="adapter"/>; every tensor must be there, and no other.</summary>
    /// <exception cref="ModelFormatException">A tensor is missing, of another shape, or there is one too many.</exception>
    public static void ReadWeights(LoraAdapter adapter, string folder)
    {
        string path = Path.Combine(folder, WeightsFile);
        if (!File.Exists(path)) throw new ModelFormatException($"The adapter's folder has no {WeightsFile}.");
        using var _ = no_grad();
        using var reader = new SafetensorsReader(path);
        var unread = reader.Names.ToHashSet();
        foreach (LoraLayer layer in adapter.Layers)
        {
            string name = Prefix + layer.Layer.Path;
            Read(layer.A, $"{name}.lora_A.weight");
            Read(layer.B, $"{name}.lora_B.weight");
            // The second name is that of the module's state rather than of PEFT's files; both are met.
            if (layer.Magnitude is not null) Read(layer.Magnitude, $"{name}.lora_magnitude_vector", $"{name}.lora_magnitude_vector.weight");
        }
        foreach (TrainedCopy copy in adapter.Copies) Read(copy.Weight, $"{Prefix}{copy.Of.Path}.weight", $"{Prefix}{copy.Of.Path}.modules_to_save.weight");
        if (unread.Count > 0) throw new ModelFormatException($"{WeightsFile} has '{unread.Order().First()}', which the model or {ConfigFile} has no place for.");

        void Read(Tensor into, string name, string? otherName = null)
        {
            string stored = otherName is not null && reader.Contains(otherName) ? otherName : name;
            reader.ReadInto(stored, into);
            unread.Remove(stored);
        }
    }

    private static IEnumerable<KeyValuePair<string, Tensor>> Tensors(LoraAdapter adapter)
    {
        foreach (LoraLayer layer in adapter.Layers)
        {
            string name = Prefix + layer.Layer.Path;
            yield return new($"{name}.lora_A.weight", layer.Down());
            yield return new($"{name}.lora_B.weight", layer.Up());
            if (layer.Magnitude is not null) yield return new($"{name}.lora_magnitude_vector", layer.Magnitude);
        }
        foreach (TrainedCopy copy in adapter.Copies) yield return new($"{Prefix}{copy.Of.Path}.weight", copy.Weight);
    }
}
