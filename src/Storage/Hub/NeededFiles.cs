using System.Text.Json;
using System.Text.RegularExpressions;

namespace TrainingService.Storage.Hub;

/// <summary>
/// Which files of a repository a model needs here. All lie in its root folder, further chat templates in theirs, and have plain
/// names, so nothing that a repository's author writes leads elsewhere; weights come as safetensors or not at all.
/// </summary>
internal static partial class NeededFiles
{
    public const string Index = "model.safetensors.index.json";

    private const string Weights = "model.safetensors";
    private const string AdapterWeights = "adapter_model.safetensors";

    /// <param name="repository">The repository.</param>
    /// <param name="index">Content of its index of weights; null when it has none.</param>
    /// <exception cref="HubException">The repository holds no model that can be used here.</exception>
    public static IReadOnlyList<HubFile> Of(HubRepository repository, byte[]? index)
    {
        HashSet<string> weights = IsAdapter(repository) ? [AdapterWeights] : index is not null ? [.. Shards(repository, index)] : [Weights];
        foreach (string name in weights)
            if (repository.Find(name) is null) throw Missing(repository, name);
        return [.. repository.Files.Where(f => weights.Contains(f.Name) || Beside().IsMatch(f.Name)).OrderBy(f => f.Size).ThenBy(f => f.Name, StringComparer.Ordinal)];
    }

    /// <summary>Whether the repository is an adapter of another model.</summary>
    public static bool IsAdapter(HubRepository repository) => repository.Find("config.json") is null && repository.Find("adapter_config.json") is not null;

    private static IEnumerable<string> Shards(HubRepository repository, byte[] index)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(index);
            string[] names = [.. json.RootElement.GetProperty("weight_map").EnumerateObject().Select(p => p.Value.GetString() ?? "").Distinct()];
            return names.FirstOrDefault(n => !Shard().IsMatch(n)) is { } bad
                ? throw Unsupported($"{Index} of {repository.Model} names '{bad}', which is no safetensors file beside it.")
                : names;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw Unsupported($"{Index} of {repository.Model} has no weight_map of tensor to file: {e.Message}");
        }
    }

    private static HubException Missing(HubRepository repository, string name)
    {
        string? Any(params string[] endings) => repository.Files.FirstOrDefault(f => endings.Any(e => f.Name.EndsWith(e, StringComparison.OrdinalIgnoreCase)))?.Name;
        if (repository.Find(Index) is not null) return Unsupported($"{Index} of {repository.Model} names {name}, which the repository does not have.");
        if (Any(".bin", ".pt", ".pth", ".ckpt") is { } pickle)
            return Unsupported($"{repository.Model} has its weights as pickle files ({pickle}), which can run code when opened. Take a revision with safetensors (the Hub's converter often leaves one under refs/pr/N), or convert them and put the folder into the models folder.");
        if (Any(".gguf") is { } gguf) return Unsupported($"{repository.Model} has its weights as GGUF ({gguf}), which is for llama.cpp. Take the model that they were made from.");
        if (Any(".onnx", ".msgpack", ".h5", ".tflite") is { } other) return Unsupported($"{repository.Model} has its weights for another framework ({other}). Take a repository with safetensors.");
        return Unsupported($"{repository.Model} has neither {name} nor {Index}: it holds no model in Hugging Face's form.");
    }

    private static HubException Unsupported(string message) => new(HubErrorCodes.UnsupportedModel, message);

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors\z")]
    private static partial Regex Shard();

    [GeneratedRegex(@"\A(config\.json|generation_config\.json|adapter_config\.json|model\.safetensors\.index\.json|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.json|vocab\.txt|merges\.txt|tokenizer\.model|spiece\.model|sentencepiece\.bpe\.model|chat_template[A-Za-z0-9._-]*\.(jinja|json)|additional_chat_templates/[A-Za-z0-9_-][A-Za-z0-9._-]*\.jinja|LICENSE[A-Za-z0-9._-]*|NOTICE[A-Za-z0-9._-]*|README\.md)\z")]
    private static partial Regex Beside();
}
