using System.Text.Json;

namespace TrainingService.Storage.Models;

/// <summary>
/// The models that lie in folders. A folder with <c>config.json</c> is a base model; one with <c>adapter_config.json</c>
/// whose <c>base_model_name_or_path</c> is another model's id is that model with an adapter. Ids are looked up in the
/// list of what was found and never become paths, so no id can lead outside the folders.
/// </summary>
/// <param name="roots">The folders; of two models with one id the first folder's counts.</param>
public sealed class ModelFolder(params IReadOnlyList<string> roots)
{
    // Deep enough for owner/family/size/variant, shallow enough that a wrong folder (say "/") does not take minutes.
    private const int MaxDepth = 5;

    /// <summary>All models found, by id.</summary>
    public IReadOnlyList<ModelSource> List()
    {
        var found = new List<(string Id, DirectoryInfo Folder)>();
        foreach (string root in roots.Where(Directory.Exists))
        {
            var folder = new DirectoryInfo(Path.GetFullPath(root));
            if (IsModel(folder)) found.Add((folder.Name, folder));
            else Search(folder, "", [RealPath(folder)], found);
        }

        Dictionary<string, ModelSource> bases = [];
        foreach ((string id, DirectoryInfo folder) in found.Where(f => HasFile(f.Folder, "config.json")))
            bases.TryAdd(id, new(id, folder.FullName, BaseId: null, AdapterFolder: null, folder.LastWriteTimeUtc));

        Dictionary<string, ModelSource> all = new(bases);
        foreach ((string id, DirectoryInfo folder) in found.Where(f => !HasFile(f.Folder, "config.json")))
            if (BaseOf(folder) is { } baseId && bases.TryGetValue(baseId, out ModelSource? source))
                all.TryAdd(id, new(id, source.Folder, baseId, folder.FullName, folder.LastWriteTimeUtc));
        return [.. all.Values.OrderBy(m => m.Id, StringComparer.Ordinal)];
    }

    /// <summary>The model with this id, or null.</summary>
    public ModelSource? Find(string id) => List().FirstOrDefault(m => m.Id == id);

    private static void Search(DirectoryInfo folder, string prefix, IReadOnlyList<string> ancestors, List<(string, DirectoryInfo)> found)
    {
        foreach (DirectoryInfo child in Children(folder))
        {
            string id = prefix + child.Name;
            if (IsModel(child))
            {
                found.Add((id, child));
                continue;
            }
            // Links to folders are followed (weights often lie on another disk) unless they lead back up.
            string real = RealPath(child);
            if (ancestors.Count < MaxDepth && !ancestors.Contains(real))
                Search(child, id + "/", [.. ancestors, real], found);
        }
    }

    private static IEnumerable<DirectoryInfo> Children(DirectoryInfo folder)
    {
        try
        {
            return [.. folder.EnumerateDirectories().Where(d => !d.Name.StartsWith('.')).OrderBy(d => d.Name, StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // e.g. lost+found: what may not be read holds no models
        }
    }

    private static string RealPath(DirectoryInfo folder) => folder.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? folder.FullName;

    private static bool IsModel(DirectoryInfo folder) => HasFile(folder, "config.json") || HasFile(folder, "adapter_config.json");

    private static bool HasFile(DirectoryInfo folder, string name) => File.Exists(Path.Combine(folder.FullName, name));

    private static string? BaseOf(DirectoryInfo adapter)
    {
        try
        {
            using JsonDocument config = JsonDocument.Parse(File.ReadAllText(Path.Combine(adapter.FullName, "adapter_config.json")));
            return config.RootElement.ValueKind == JsonValueKind.Object
                && config.RootElement.TryGetProperty("base_model_name_or_path", out JsonElement name) ? name.GetString() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
