using System.Security.Cryptography;

namespace TrainingService.Api.Repeats;

/// <summary>
/// A request's body on its way to the endpoint, digested as it passes, so that an upload is neither kept in memory nor read
/// twice. A client chooses a new boundary for each try of one form: the boundary is left out of the digest, which is that
/// of the digests of the pieces between.
/// </summary>
/// <param name="body">The body.</param>
/// <param name="boundary">What separates the parts of a form, dashes included; empty when the body is none.</param>
internal sealed class RequestDigest(Stream body, byte[] boundary) : Stream
{
    private readonly IncrementalHash _piece = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly IncrementalHash _whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    // What may be the beginning of a boundary whose rest is still to come.
    private byte[] _undecided = [];

    private string? _digest;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Reads what the endpoint left, and gives the digest of all.</summary>
    public async Task<string> FinishAsync(CancellationToken cancellationToken)
    {
        if (_digest is not null) return _digest;
        await CopyToAsync(Null, cancellationToken);
        _piece.AppendData(_undecided);
        _whole.AppendData(_piece.GetHashAndReset());
        return _digest = Convert.ToHexStringLower(_whole.GetHashAndReset());
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await body.ReadAsync(buffer, cancellationToken);
        Digest(buffer.Span[..read]);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("A request's body is read asynchronously.");

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _piece.Dispose();
        _whole.Dispose();
        base.Dispose(disposing);
    }

    private void Digest(ReadOnlySpan<byte> read)
    {
        if (boundary.Length == 0)
        {
            _piece.AppendData(read);
            return;
        }
        ReadOnlySpan<byte> rest = _undecided.Length == 0 ? read : [.. _undecided, .. read];
        for (int at = rest.IndexOf(boundary); at >= 0; at = rest.IndexOf(boundary))
        {
            _piece.AppendData(rest[..at]);
            _whole.AppendData(_piece.GetHashAndReset());
            rest = rest[(at + boundary.Length)..];
        }
        int decided = Math.Max(0, rest.Length - (boundary.Length - 1));
        _piece.AppendData(rest[..decided]);
        _undecided = rest[decided..].ToArray();
    }
}
