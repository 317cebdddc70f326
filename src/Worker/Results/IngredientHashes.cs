using System.Text.Json;
using TrainingService.Domain.Files;
using TrainingService.Storage.Files;
using TrainingService.Storage.Models;

namespace TrainingService.Worker.Results;

/// <summary>Hashes what a job reads.</summary>
internal sealed class IngredientHashes(IFileStore files, FileDigests digests)
{
    // What a tokenizer, a chat template and the network are made from; generation_config.json has no part in training.
    private static readonly string[] s_read =
        ["config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"];

    private const string Weights = "model.safetensors", Index = "model.safetensors.index.json";

    /// <summary>A base model, and the adapter that training starts from when there is one.</summary>
    public async Task<(HashedModel Base, HashedModel? Adapter)> OfAsync(ModelSource source, CancellationToken cancellationToken) => (
        new(source.BaseId ?? source.Id, await OfAsync(source.Folder, UsedFiles(source.Folder), cancellationToken)),
        source.AdapterFolder is { } adapter ? new(source.Id, await OfAsync(adapter, AdapterFiles, cancellationToken)) : null);

    /// <summary>Names of an adapter's own files.</summary>
    public static IReadOnlyList<string> AdapterFiles { get; } = ["adapter_config.json", "adapter_model.safetensors"];

    public async Task<HashedFile> OfAsync(string folder, string name, CancellationToken cancellationToken)
    {
        string path = Path.Combine(folder, name);
        return new(name, new FileInfo(path).Length, await digests.OfAsync(path, cancellationToken));
    }

    private async Task<IReadOnlyList<HashedFile>> OfAsync(string folder, IEnumerable<string> names, CancellationToken cancellationToken)
    {
        var hashed = new List<HashedFile>();
        foreach (string name in names) hashed.Add(await OfAsync(folder, name, cancellationToken));
        return hashed;
    }

    public async Task<HashedFile> OfAsync(StoredFile file, CancellationToken cancellationToken)
    {
        string? sha256 = file.Sha256;
        if (sha256 is null)
        {
            await using Stream content = files.OpenRead(file.StorageKey);
            sha256 = await FileDigests.OfAsync(content, cancellationToken);
        }
        return new(file.Filename, file.Bytes, sha256) { Id = file.Id };
    }

    private static IEnumerable<string> UsedFiles(string folder)
    {
        IEnumerable<string> weights = [Weights];
        if (!File.Exists(Path.Combine(folder, Weights)))
        {
            using JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, Index)));
            weights = [Index, .. index.RootElement.GetProperty("weight_map").EnumerateObject().Select(w => w.Value.GetString()!).Distinct().Order(StringComparer.Ordinal)];
        }
        return [.. s_read.Where(name => File.Exists(Path.Combine(folder, name))), .. weights];
    }
}
