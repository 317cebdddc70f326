using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace TrainingService.Worker.Results;

/// <summary>
/// SHA-256 of files. A base model of many gigabytes is read once a process: a file whose length and moment of writing are
/// the same is the same.
/// </summary>
internal sealed class FileDigests
{
    private readonly ConcurrentDictionary<string, (long Bytes, DateTime WrittenAt, string Sha256)> _known = new();

    public async Task<string> OfAsync(string path, CancellationToken cancellationToken)
    {
        var file = new FileInfo(path);
        (long bytes, DateTime writtenAt) = (file.Length, file.LastWriteTimeUtc);
        if (_known.TryGetValue(file.FullName, out var known) && (known.Bytes, known.WrittenAt) == (bytes, writtenAt)) return known.Sha256;
        await using FileStream content = file.OpenRead();
        string sha256 = await OfAsync(content, cancellationToken);
        _known[file.FullName] = (bytes, writtenAt, sha256);
        return sha256;
    }

    public static async Task<string> OfAsync(Stream content, CancellationToken cancellationToken) =>
        Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellationToken));
}
