using System.Text.Json;

namespace TrainingService.Jinja.Tests;

/// <summary>Templates and reference texts beside the repository; tests skip where they are absent.</summary>
internal static class SharedData
{
    private static readonly string? Root = FindRoot();

    public static string Path(params string[] parts)
    {
        string path = System.IO.Path.Combine([Root ?? "", "data", .. parts]);
        if (Root is null || !(File.Exists(path) || Directory.Exists(path)))
            Assert.Skip($"shared/data/{string.Join('/', parts)} is not beside the repository");
        return path;
    }

    public static IEnumerable<JsonElement> Rows(params string[] parts) =>
        File.ReadLines(Path(parts)).Select(line => JsonDocument.Parse(line).RootElement);

    private static string? FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "TrainingService.sln")))
                return System.IO.Path.Combine(folder.FullName, "..", "shared");
        }

        return null;
    }
}
