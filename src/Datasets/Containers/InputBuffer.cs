using System.Buffers;

namespace TrainingService.Datasets.Containers;

/// <summary>The bytes of a stream that were not taken yet, over one pooled buffer that grows only to the longest row.</summary>
internal sealed class InputBuffer(Stream stream) : IDisposable
{
    /// <summary>Longest row in bytes. A pair of two 1-million-token completions still fits.</summary>
    public const int MaxRowBytes = 16 << 20;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(64 << 10);
    private int _start, _end;

    /// <summary>Whether the stream has ended.</summary>
    public bool Ended { get; private set; }

    /// <summary>What is at hand, valid until <see cref="FillAsync"/> is called.</summary>
    public ReadOnlyMemory<byte> Unread => _bytes.AsMemory(_start, _end - _start);

    /// <summary>Whether more is at hand than a row may be long.</summary>
    public bool Full => _end - _start > MaxRowBytes;

    public void Take(int count) => _start += count;

    /// <summary>Reads on in the stream.</summary>
    public async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        if (_start > 0)
        {
            _bytes.AsSpan(_start, _end - _start).CopyTo(_bytes);
            (_start, _end) = (0, _end - _start);
        }
        if (_end == _bytes.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(_bytes.Length * 2);
            _bytes.CopyTo(larger, 0);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }
        int read = await stream.ReadAsync(_bytes.AsMemory(_end), cancellationToken);
        _end += read;
        Ended = read == 0;
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_bytes);
}
