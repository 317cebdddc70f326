using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace TrainingService.Storage.Hub;

/// <summary>
/// A file that arrives in parts, in any order: its bytes in <c>name.part</c>, and in <c>name.part.json</c> how far each part
/// is. What the second says is in the first, so whoever opens them again goes on from there.
/// </summary>
internal sealed class PartialFile : IDisposable
{
    private static readonly TimeSpan s_saveInterval = TimeSpan.FromSeconds(1);

    private readonly string _path;
    private readonly HubFile _file;
    private readonly long _partBytes;
    private readonly TimeProvider _timeProvider;
    private readonly Lock _lock = new();
    private readonly SafeFileHandle _bytes;
    private readonly long[] _done;
    private long _savedAt;

    /// <summary>Opens what there is of a file, or nothing of it.</summary>
    /// <param name="folder">The folder that it arrives in.</param>
    /// <param name="file">The file; parts of one with another checksum are of another file and are dropped.</param>
    /// <param name="partBytes">Length of its parts.</param>
    /// <param name="timeProvider">Says when the journal is due.</param>
    public PartialFile(string folder, HubFile file, long partBytes, TimeProvider timeProvider)
    {
        _path = System.IO.Path.Combine(folder, file.Name + ".part");
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(_path)!);
        (_file, _partBytes, _timeProvider) = (file, partBytes, timeProvider);
        long[] fresh = new long[(file.Size + partBytes - 1) / partBytes];
        _done = ReadJournal(_path) is { } journal && journal.Checksum == file.Checksum && journal.PartBytes == partBytes
            && journal.Done.Length == fresh.Length && File.Exists(_path) ? journal.Done : fresh;
        _bytes = File.OpenHandle(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, FileOptions.Asynchronous);
        if (_done == fresh) RandomAccess.SetLength(_bytes, 0);
    }

    private sealed record Journal(string Checksum, long PartBytes, long[] Done);

    /// <summary>Where the bytes lie.</summary>
    public string Path => _path;

    /// <summary>Parts in all.</summary>
    public int Parts => _done.Length;

    /// <summary>Bytes that are there.</summary>
    public long BytesDone => _done.Sum();

    /// <summary>The bytes that a part still lacks: from its first missing one to before its end.</summary>
    public (long From, long End) Missing(int part) => (part * _partBytes + _done[part], Math.Min((part + 1) * _partBytes, _file.Size));

    /// <summary>Bytes that are there of the files that a folder holds parts of, as its journals say.</summary>
    public static long BytesDoneOf(string folder, HubFile file) =>
        ReadJournal(System.IO.Path.Combine(folder, file.Name + ".part")) is { } journal && journal.Checksum == file.Checksum ? journal.Done.Sum() : 0;

    /// <summary>Adds bytes to a part, whose only writer the caller is.</summary>
    public async Task AppendAsync(int part, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await RandomAccess.WriteAsync(_bytes, bytes, Missing(part).From, cancellationToken);
        lock (_lock)
        {
            _done[part] += bytes.Length;
            if (_timeProvider.GetElapsedTime(_savedAt) >= s_saveInterval) Save();
        }
    }

    /// <summary>Forgets a part.</summary>
    public void Clear(int part)
    {
        lock (_lock) _done[part] = 0;
    }

    /// <summary>Lets the bytes reach the disk, before anybody relies on them.</summary>
    public void Flush() => RandomAccess.FlushToDisk(_bytes);

    /// <summary>Deletes both files.</summary>
    public void Delete()
    {
        Close();
        File.Delete(JournalOf(_path));
        File.Delete(_path);
    }

    /// <summary>The whole and checked file takes its place.</summary>
    public void Become(string path)
    {
        Close();
        File.Move(_path, path);
        File.Delete(JournalOf(_path));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_bytes.IsClosed) return;
        lock (_lock) Save();
        _bytes.Dispose();
    }

    private void Close() => _bytes.Dispose();

    private void Save()
    {
        _savedAt = _timeProvider.GetTimestamp();
        string journal = JournalOf(_path), next = journal + ".new";
        File.WriteAllBytes(next, JsonSerializer.SerializeToUtf8Bytes(new Journal(_file.Checksum, _partBytes, _done)));
        File.Move(next, journal, overwrite: true);
    }

    private static string JournalOf(string path) => path + ".json";

    private static Journal? ReadJournal(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<Journal>(File.ReadAllBytes(JournalOf(path))) is { Checksum: not null, Done: not null } journal ? journal : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null; // the file starts from its beginning
        }
    }
}
