using TrainingService.Worker.Results;

namespace TrainingService.Worker.Reproduction;

/// <summary>Finds files by their content, whatever their names: the store names them by id, and people rename them.</summary>
/// <param name="folders">Where, and whether in the folders below too.</param>
/// <param name="digests">Their hashes.</param>
internal sealed class ContentSearch(IReadOnlyList<(string Folder, bool Below)> folders, FileDigests digests)
{
    /// <summary>Path of a file with this content, or null.</summary>
    public async Task<string?> FindAsync(HashedFile wanted, CancellationToken cancellationToken)
    {
        // One of the same name first: most often it is the one.
        foreach (FileInfo file in Files().Where(f => f.Length == wanted.Bytes).OrderByDescending(f => f.Name == wanted.Name))
            if (await digests.OfAsync(file.FullName, cancellationToken) == wanted.Sha256)
                return file.FullName;
        return null;
    }

    /// <summary>A file of the same name, whatever it holds.</summary>
    public FileInfo? Named(string name) => Files().FirstOrDefault(f => f.Name == name);

    private IEnumerable<FileInfo> Files() => folders.Where(f => Directory.Exists(f.Folder)).SelectMany(f => new DirectoryInfo(f.Folder)
        .EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = f.Below, IgnoreInaccessible = true }));
}
