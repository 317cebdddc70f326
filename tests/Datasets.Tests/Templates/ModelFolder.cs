using System.Text.Json;
using TrainingService.Datasets.Tests.Formats;

namespace TrainingService.Datasets.Tests.Templates;

/// <summary>A temporary copy of the tiny golden model's tokenizer files, to be changed by a test.</summary>
internal sealed class ModelFolder : IDisposable
{
    public ModelFolder()
    {
        foreach (string file in Directory.EnumerateFiles(TestFiles.Golden("training", "model"), "*.json"))
            File.Copy(file, System.IO.Path.Combine(Path, System.IO.Path.GetFileName(file)));
    }

    public string Path { get; } = Directory.CreateTempSubdirectory("model-").FullName;

    public void Write(string file, string text) => File.WriteAllText(System.IO.Path.Combine(Path, file), text);

    public void Configure(Action<Dictionary<string, object?>> change)
    {
        string file = System.IO.Path.Combine(Path, "tokenizer_config.json");
        Dictionary<string, object?> configuration = JsonSerializer.Deserialize<Dictionary<string, object?>>(File.ReadAllText(file))!;
        change(configuration);
        File.WriteAllText(file, JsonSerializer.Serialize(configuration));
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
