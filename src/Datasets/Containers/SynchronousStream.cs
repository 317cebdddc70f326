namespace TrainingService.Datasets.Containers;

/// <summary>
/// A file whose asynchronous reads complete at once, so that what is written for uploads reads stored files too, without
/// a thread that waits for another.
/// </summary>
internal sealed class SynchronousStream(Stream source) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => source.CanSeek;

    public override bool CanWrite => false;

    public override long Length => source.Length;

    public override long Position { get => source.Position; set => source.Position = value; }

    public override int Read(Span<byte> buffer) => source.Read(buffer);

    public override int Read(byte[] buffer, int offset, int count) => source.Read(buffer, offset, count);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(source.Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => Task.FromResult(source.Read(buffer, offset, count));

    public override long Seek(long offset, SeekOrigin origin) => source.Seek(offset, origin);

    public override void Flush() => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
