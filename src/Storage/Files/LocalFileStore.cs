using System.Text.RegularExpressions;

namespace TrainingService.Storage.Files;

/// <summary>A file store over a folder, which several processes may share.</summary>
public sealed partial class LocalFileStore : IFileStore
{
    // Keys never start with a dot, so neither folder can meet one. Incoming lies beside its targets because a rename is
    // atomic within one file system only.
    private const string Incoming = ".incoming";
    private const string Work = ".work";

    private readonly string _root;

    /// <summary>A store over a folder, made when it is missing.</summary>
    public LocalFileStore(string folder)
    {
        _root = Path.GetFullPath(folder);
        Guard("create the folder", _root, () => Directory.CreateDirectory(Path.Combine(_root, Incoming)));
    }

    /// <inheritdoc/>
    public FileStoreWriter Create(string key)
    {
        string target = PathOf(key);
        string temporary = Path.Combine(_root, Incoming, Guid.NewGuid().ToString("N"));
        return Guard("write", key, () => new LocalFileStoreWriter(key, temporary, target));
    }

    /// <inheritdoc/>
    public Stream OpenRead(string key)
    {
        string path = PathOf(key);
        // Deletion must not fail because somebody reads; on Windows that takes the share flag.
        return Guard("read", key, () => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 65536, FileOptions.Asynchronous));
    }

    /// <inheritdoc/>
    public bool Exists(string key) => File.Exists(PathOf(key));

    /// <inheritdoc/>
    public void Delete(string key)
    {
        string path = PathOf(key);
        if (Directory.Exists(Path.GetDirectoryName(path)))
            Guard("delete", key, () => File.Delete(path));
    }

    /// <inheritdoc/>
    public string WorkFolder(string name)
    {
        string path = WorkPath(name);
        Guard("create the work folder", name, () => Directory.CreateDirectory(path));
        return path;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> ListWorkFolders()
    {
        var work = new DirectoryInfo(Path.Combine(_root, Work));
        return work.Exists ? [.. work.EnumerateDirectories().Select(d => d.Name)] : [];
    }

    /// <inheritdoc/>
    public void DeleteWorkFolder(string name)
    {
        string path = WorkPath(name);
        if (Directory.Exists(path))
            Guard("delete the work folder", name, () => Directory.Delete(path, recursive: true));
    }

    /// <inheritdoc/>
    public int RemoveAbandoned(DateTime olderThan)
    {
        int removed = 0;
        foreach (FileInfo file in new DirectoryInfo(Path.Combine(_root, Incoming)).EnumerateFiles().Where(f => f.LastWriteTimeUtc < olderThan))
        {
            file.Delete();
            removed++;
        }
        return removed;
    }

    private string PathOf(string key) => KeyPattern().IsMatch(key)
        ? Path.Combine([_root, .. key.Split('/')])
        : throw new ArgumentException($"'{key}' is not a key of the file store: names of letters, digits, '.', '_' and '-' that start with a letter or digit, joined by '/'.", nameof(key));

    private string WorkPath(string name) => KeyPattern().IsMatch(name) && !name.Contains('/')
        ? Path.Combine(_root, Work, name)
        : throw new ArgumentException($"'{name}' is not a name of a work folder.", nameof(name));

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,7}\z")]
    private static partial Regex KeyPattern();

    internal static void Guard(string verb, string what, Action action) => Guard<object?>(verb, what, () => { action(); return null; });

    internal static T Guard<T>(string verb, string what, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Explain(verb, what, e);
        }
    }

    internal static FileStoreException Explain(string verb, string what, Exception e) => e as FileStoreException ??
        new($"The file store could not {verb} {what}: {e.Message}", e);
}
