using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using TrainingService.Datasets.Templates;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using TrainingService.Training.Native;
using static TorchSharp.torch;

namespace TrainingService.Training.Exports;

/// <summary>Writes a base model and an adapter as one model in Hugging Face's form, tensor by tensor: memory stays near the largest of them.</summary>
public static class ModelExport
{
    /// <summary>Most bytes a file of weights, unless one tensor alone has more.</summary>
    public const long DefaultShardBytes = 5_000_000_000;

    private static readonly string[] s_weightEndings = [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx"];

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    /// <summary>Writes the merged model.</summary>
    /// <param name="modelFolder">The base model, in Hugging Face's form.</param>
    /// <param name="adapterFolder">The adapter, in PEFT's form.</param>
    /// <param name="outFolder">Created; it appears when it is complete and must not exist before.</param>
    /// <param name="progress">Told after each tensor, or null.</param>
    /// <param name="shardBytes">Most bytes a file of weights.</param>
    /// <param name="cancellationToken">Heard between tensors; nothing is left then.</param>
    /// <exception cref="ModelFormatException">The adapter is not of this model, or a file cannot be used.</exception>
    public static void WriteMerged(string modelFolder, string adapterFolder, string outFolder, IProgress<ExportProgress>? progress = null,
        long shardBytes = DefaultShardBytes, CancellationToken cancellationToken = default)
    {
        if (Path.Exists(outFolder)) throw new IOException($"{Path.GetFileName(outFolder)} exists already.");
        TorchRuntime.Initialize();
        using var _ = no_grad();
        using var adapter = new ExportedAdapter(adapterFolder);
        using var merged = new MergedModel(modelFolder, adapter);
        string incomplete = $"{Path.TrimEndingDirectorySeparator(outFolder)}.{Guid.NewGuid():n}.tmp";
        Directory.CreateDirectory(incomplete);
        try
        {
            WriteWeights(merged.Entries, incomplete, shardBytes, progress, cancellationToken);
            CopyOtherFiles(modelFolder, incomplete, merged.Unties);
            Directory.Move(incomplete, outFolder);
        }
        catch
        {
            Directory.Delete(incomplete, recursive: true);
            throw;
        }
    }

    private static void WriteWeights(IReadOnlyCollection<SafetensorsEntry> entries, string folder, long shardBytes, IProgress<ExportProgress>? progress, CancellationToken cancellationToken)
    {
        List<List<SafetensorsEntry>> shards = Shards(entries, shardBytes);
        long written = 0, total = entries.Sum(e => e.Length);
        var map = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < shards.Count; i++)
        {
            string file = shards.Count == 1 ? "model.safetensors" : $"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors";
            cancellationToken.ThrowIfCancellationRequested();
            SafetensorsWriter.Write(Path.Combine(folder, file), shards[i], entry =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress?.Report(new(written += entry.Length, total));
            });
            foreach (SafetensorsEntry entry in shards[i]) map[entry.Name] = file;
        }
        if (shards.Count == 1) return;
        var index = new JsonObject
        {
            ["metadata"] = new JsonObject { ["total_size"] = total },
            ["weight_map"] = new JsonObject(map.Select(m => KeyValuePair.Create(m.Key, (JsonNode?)m.Value))),
        };
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), index.ToJsonString(s_indented));
    }

    private static List<List<SafetensorsEntry>> Shards(IEnumerable<SafetensorsEntry> entries, long shardBytes)
    {
        List<List<SafetensorsEntry>> shards = [];
        long room = 0;
        foreach (SafetensorsEntry entry in entries)
        {
            if (shards.Count == 0 || entry.Length > room)
            {
                shards.Add([]);
                room = shardBytes;
            }
            shards[^1].Add(entry);
            room -= entry.Length;
        }
        return shards;
    }

    /// <summary>Configuration and tokenizer as they are; the base's model card speaks of the base.</summary>
    private static void CopyOtherFiles(string modelFolder, string folder, bool untie)
    {
        foreach (string file in Directory.EnumerateFiles(modelFolder))
            if (Path.GetFileName(file) is var name && name != "README.md" && name[0] != '.' && !s_weightEndings.Any(e => name.EndsWith(e, StringComparison.OrdinalIgnoreCase)))
                File.Copy(file, Path.Combine(folder, name));
        foreach (string file in ChatTemplate.AdditionalFiles(modelFolder))
            File.Copy(file, Path.Combine(Directory.CreateDirectory(Path.Combine(folder, ChatTemplate.AdditionalFolder)).FullName, Path.GetFileName(file)));
        if (!untie) return;
        string path = Path.Combine(folder, "config.json");
        JsonNode config = JsonNode.Parse(File.ReadAllBytes(path), documentOptions: new() { AllowTrailingCommas = true })!;
        config["tie_word_embeddings"] = false;
        File.WriteAllText(path, config.ToJsonString(s_indented));
    }
}
