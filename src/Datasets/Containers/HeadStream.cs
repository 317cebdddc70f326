namespace TrainingService.Datasets.Containers;

/// <summary>A stream whose first bytes can be looked at before it is read.</summary>
internal sealed class HeadStream : ForwardStream
{
    private const int HeadBytes = 16;

    private readonly Stream _rest;
    private readonly byte[] _head = new byte[HeadBytes];
    private int _length, _given;

    private HeadStream(Stream rest) => _rest = rest;

    /// <summary>The first bytes, 16 unless the stream is shorter.</summary>
    public ReadOnlySpan<byte> Head => _head.AsSpan(0, _length);

    public static async Task<HeadStream> OpenAsync(Stream stream, CancellationToken cancellationToken)
    {
        var opened = new HeadStream(stream);
        opened._length = await stream.ReadAtLeastAsync(opened._head, HeadBytes, throwOnEndOfStream: false, cancellationToken);
        return opened;
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_given == _length) return _rest.ReadAsync(buffer, cancellationToken);
        int count = Math.Min(buffer.Length, _length - _given);
        _head.AsMemory(_given, count).CopyTo(buffer);
        _given += count;
        return ValueTask.FromResult(count);
    }
}
