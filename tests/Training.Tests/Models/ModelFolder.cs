using System.Text.Json.Nodes;

namespace TrainingService.Training.Tests.Models;

/// <summary>A copy of a golden family with another config.json.</summary>
internal sealed class ModelFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ModelFolder(string family, Action<JsonObject> change)
    {
        foreach (string file in Directory.GetFiles(Golden.Path("families", family), "model*"))
            File.Copy(file, System.IO.Path.Combine(Path, System.IO.Path.GetFileName(file)));
        JsonObject config = JsonNode.Parse(File.ReadAllText(Golden.Path("families", family, "config.json")))!.AsObject();
        change(config);
        File.WriteAllText(System.IO.Path.Combine(Path, "config.json"), config.ToJsonString());
    }

    public string Path => _folder.Path;

    public void Dispose() => _folder.Dispose();
}
