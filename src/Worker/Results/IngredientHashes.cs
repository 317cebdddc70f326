using TrainingService.Datasets.Templates;
using TrainingService.Domain.Files;
using TrainingService.Storage.Files;
using TrainingService.Storage.Models;

namespace TrainingService.Worker.Results;

/// <summary>Hashes what a job reads.</summary>
internal sealed class IngredientHashes(IFileStore files, FileDigests digests)
{
    // What a tokenizer, a chat template and the network are made from; generation_config.json may say which token ends a text.
    private static readonly string[] s_read =
        ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"];

    /// <summary>A base model, and the adapter that training starts from when there is one.</summary>
    public async Task<(HashedModel Base, HashedModel? Adapter)> OfAsync(ModelSource source, CancellationToken cancellationToken) => (
        new(source.BaseId ?? source.Id, await OfAsync(source.Folder, UsedFiles(source.Folder), cancellationToken)),
        source.AdapterFolder is { } adapter ? new(source.Id, await OfAsync(adapter, AdapterFiles, cancellationToken)) : null);

    /// <summary>Name of an adapter's weights.</summary>
    public const string AdapterWeights = "adapter_model.safetensors";

    /// <summary>Names of an adapter's own files.</summary>
    public static IReadOnlyList<string> AdapterFiles { get; } = ["adapter_config.json", AdapterWeights];

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
        IReadOnlyList<string> weights = SafetensorsHeaders.Files(folder);
        string[] index = weights is [SafetensorsHeaders.Whole] ? [] : [SafetensorsHeaders.Index];
        IEnumerable<string> templates = ChatTemplate.AdditionalFiles(folder).Select(f => $"{ChatTemplate.AdditionalFolder}/{Path.GetFileName(f)}");
        return [.. s_read.Where(name => File.Exists(Path.Combine(folder, name))), .. templates, .. index, .. weights];
    }
}
