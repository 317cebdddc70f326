namespace TrainingService.Datasets.Containers;

/// <summary>
/// Stands between a file and a library that decodes it: what the file itself throws can be told from what the library makes
/// of damaged bytes, and reading in circles ends.
/// </summary>
/// <param name="source">The file.</param>
/// <param name="limit">Most bytes that may be read, a byte read twice counting twice.</param>
internal sealed class GuardedStream(Stream source, long limit) : Stream
{
    private const int MaxReadsAtEnd = 100;

    private int _readsAtEnd;

    /// <summary>How many bytes were read.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Whether reading the file itself failed.</summary>
    public bool Failed { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => source.CanSeek;

    public override bool CanWrite => false;

    public override long Length => source.Length;

    public override long Position { get => source.Position; set => source.Position = value; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return Counted(await source.ReadAsync(buffer, cancellationToken));
        }
        catch (Exception e) when (e is not ContainerException)
        {
            Failed = true;
            throw;
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(Span<byte> buffer)
    {
        try
        {
            return Counted(source.Read(buffer));
        }
        catch (Exception e) when (e is not ContainerException)
        {
            Failed = true;
            throw;
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override long Seek(long offset, SeekOrigin origin) => source.Seek(offset, origin);

    public override void Flush() => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private int Counted(int read)
    {
        BytesRead += read;
        _readsAtEnd = read == 0 ? _readsAtEnd + 1 : 0;
        return BytesRead <= limit && _readsAtEnd <= MaxReadsAtEnd ? read : throw new ContainerException("The file is damaged: its parts point at each other. Write it again.");
    }
}
