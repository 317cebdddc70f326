using System.IO.Compression;

namespace TrainingService.Inference.Exports;

/// <summary>Exported files in a folder of their own, which goes with them.</summary>
/// <param name="name">What they are called together.</param>
/// <param name="folder">The folder.</param>
internal sealed class ExportedFiles(string name, string folder) : IAsyncDisposable
{
    public string Name => name;

    public string Folder => folder;

    /// <summary>Writes them as one zip below a folder of their name; weights do not compress.</summary>
    public async Task WriteZipAsync(Stream target, CancellationToken cancellationToken)
    {
        await using ZipArchive zip = await ZipArchive.CreateAsync(target, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null, cancellationToken);
        foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles().OrderBy(f => f.Name, StringComparer.Ordinal))
        {
            ZipArchiveEntry entry = zip.CreateEntry($"{name}/{file.Name}", CompressionLevel.NoCompression);
            await using FileStream content = file.OpenRead();
            await using Stream written = await entry.OpenAsync(cancellationToken);
            await content.CopyToAsync(written, cancellationToken);
        }
    }

    public ValueTask DisposeAsync()
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        return ValueTask.CompletedTask;
    }
}
