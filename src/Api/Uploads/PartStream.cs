using System.Security.Cryptography;
using TrainingService.Storage.Files;

namespace TrainingService.Api.Uploads;

/// <summary>Reads parts one after another as the file that they make, and digests it on the way.</summary>
internal sealed class PartStream(IFileStore store, IReadOnlyList<string> keys) : Stream
{
    private readonly IncrementalHash _md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
    private Stream? _part;
    private int _next;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>MD5 of all that was read, lower-case hexadecimal.</summary>
    public string Md5() => Convert.ToHexStringLower(_md5.GetCurrentHash());

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_part is not null || _next < keys.Count)
        {
            _part ??= store.OpenRead(keys[_next++]);
            if (await _part.ReadAsync(buffer, cancellationToken) is > 0 and int read)
            {
                _md5.AppendData(buffer.Span[..read]);
                return read;
            }
            await _part.DisposeAsync();
            _part = null;
        }
        return 0;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Parts are read asynchronously.");

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _part?.Dispose();
            _md5.Dispose();
        }
        base.Dispose(disposing);
    }
}
