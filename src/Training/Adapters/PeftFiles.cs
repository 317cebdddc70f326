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

    /// <summary>Writes both files into a folder.</summary>
    /// <param name="adapter">The adapter.</param>
    /// <param name="folder">An existing folder.</param>
    /// <param name="baseModel">What <c>base_model_name_or_path</c> says.</param>
    public static void Write(LoraAdapter adapter, string folder, string baseModel)
    {
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), Parts(adapter, whole: true).Select(p => KeyValuePair.Create(PeftTensors.Name(p.Path, p.Part), p.Tensor)));
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
        using var _ = no_grad();
        using var stored = new PeftTensors(folder);
        foreach ((string path, PeftPart part, Tensor tensor) in Parts(adapter, whole: false)) stored.ReadInto(path, part, tensor);
        stored.RequireNoOther(Parts(adapter, whole: false).Select(p => (p.Path, p.Part)));
    }

    /// <summary>The tensors that an adapter is made of; as a whole those that stand for what it does to the model, without them its own parameters.</summary>
    private static IEnumerable<(string Path, PeftPart Part, Tensor Tensor)> Parts(LoraAdapter adapter, bool whole)
    {
        foreach (LoraLayer layer in adapter.Layers)
        {
            yield return (layer.Layer.Path, PeftPart.LoraA, whole ? layer.Down() : layer.A);
            yield return (layer.Layer.Path, PeftPart.LoraB, whole ? layer.Up() : layer.B);
            if (layer.Magnitude is not null) yield return (layer.Layer.Path, PeftPart.Magnitude, layer.Magnitude);
        }
        foreach (TrainedCopy copy in adapter.Copies) yield return (copy.Of.Path, PeftPart.Saved, copy.Weight);
    }
}
