using System.Security.Cryptography;

namespace TrainingService.Storage.Files;

/// <summary>Writes beside the target, then renames: a crash or a full disk leaves no half content under the key.</summary>
internal sealed class LocalFileStoreWriter : FileStoreWriter
{
    private readonly string _key;
    private readonly string _temporary;
    private readonly string _target;
    private readonly FileStream _file;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private bool _closed;

    public LocalFileStoreWriter(string key, string temporary, string target, FileMode mode = FileMode.CreateNew)
    {
        (_key, _temporary, _target) = (key, temporary, target);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        _file = new FileStream(temporary, mode, FileAccess.Write, FileShare.Read, bufferSize: 65536, FileOptions.Asynchronous);
    }

    public override async Task<StoredContent> CommitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _file.FlushAsync(cancellationToken);
            _file.Flush(flushToDisk: true);
            long bytes = _file.Length;
            CloseFile();
            File.Move(_temporary, _target, overwrite: true);
            return new(bytes, Convert.ToHexStringLower(_hash.GetHashAndReset()));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw LocalFileStore.Explain("write", _key, e);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            _file.Write(buffer);
        }
        catch (IOException e)
        {
            throw LocalFileStore.Explain("write", _key, e);
        }
        _hash.AppendData(buffer);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            await _file.WriteAsync(buffer, cancellationToken);
        }
        catch (IOException e)
        {
            throw LocalFileStore.Explain("write", _key, e);
        }
        _hash.AppendData(buffer.Span);
    }

    public override void Flush() => LocalFileStore.Guard("write", _key, _file.Flush);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            try
            {
                CloseFile();
            }
            catch (IOException)
            {
                // Flushing the last buffer to a full disk: the content is given up anyway.
            }
            File.Delete(_temporary);
            _hash.Dispose();
        }
        base.Dispose(disposing);
    }

    private void CloseFile()
    {
        if (_closed) return;
        _closed = true;
        _file.Dispose();
    }
}
