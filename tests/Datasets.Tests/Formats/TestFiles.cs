namespace TrainingService.Datasets.Tests.Formats;

/// <summary>Where the repository's own files and the shared third-party data lie.</summary>
internal static class TestFiles
{
    public static string Repository { get; } = FindRepository();

    public static string Golden(params string[] path) => Path.Combine([Repository, "tests", "golden", .. path]);

    public static string Sample(string name) => Path.Combine(Repository, "samples", name);

    /// <summary>A file or folder of the shared data; the test is skipped where that is absent.</summary>
    public static string Shared(params string[] path)
    {
        string full = Path.GetFullPath(Path.Combine([Repository, "..", "shared", .. path]));
        if (!Path.Exists(full)) Assert.Skip($"Shared data is not on this machine: {string.Join('/', path)}.");
        return full;
    }

    private static string FindRepository()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TrainingService.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("The tests do not run below the repository.");
    }
}
