namespace TrainingService.Tests;

/// <summary>Finds the repository's own files and the shared data beside it.</summary>
public static class RepositoryRoot
{
    /// <summary>The folder that holds the solution.</summary>
    public static string Folder { get; } = Find();

    /// <summary>A path below the repository.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Folder, .. parts]);

    /// <summary>A path in the shared data, which lies beside the repository on some machines only; skips the test when absent.</summary>
    public static string SharedPath(params string[] parts)
    {
        string path = Path.Combine([Folder, "..", "shared", .. parts]);
        Assert.SkipUnless(Path.Exists(path), $"The shared data {Path.Combine(parts)} is not on this machine.");
        return path;
    }

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "TrainingService.sln")))
                return folder.FullName;
        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds TrainingService.sln.");
    }
}
