namespace TrainingService.Storage.Files;

/// <summary>A content on its way into the store. Disposed without commit, it leaves nothing behind.</summary>
public abstract class FileStoreWriter : Stream
{
    /// <summary>Makes what was written durable and visible under its key.</summary>
    /// <exception cref="FileStoreException">The store cannot be written.</exception>
    public abstract Task<StoredContent> CommitAsync(CancellationToken cancellationToken);

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}

/// <summary>What the store holds under a key.</summary>
/// <param name="Bytes">Length in bytes.</param>
/// <param name="Sha256">Lower-case hexadecimal SHA-256 of the bytes.</param>
public sealed record StoredContent(long Bytes, string Sha256);
