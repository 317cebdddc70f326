using System.Buffers;

namespace TrainingService.Datasets.Formats;

/// <summary>
/// Cuts a stream of bytes into lines over one pooled buffer, which grows only to the longest line and never past
/// <see cref="MaxLineBytes"/>: of a longer line only the first bytes are kept. Its owner fills <see cref="Free"/>
/// synchronously or not, so that checking an upload and reading a stored file share it.
/// </summary>
internal sealed class LineBuffer : IDisposable
{
    /// <summary>Longest line in bytes. A pair of two 1-million-token completions still fits.</summary>
    public const int MaxLineBytes = 16 << 20;

    private const int KeptOfTooLong = 64;
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(64 << 10);
    private int _start, _searched, _end;
    private bool _skipping;

    /// <summary>Whether the stream has ended.</summary>
    public bool Ended { get; private set; }

    /// <summary>1-based number of the line last taken.</summary>
    public long Line { get; private set; }

    /// <summary>Whether the line last taken was longer than allowed; only its first bytes are then given.</summary>
    public bool TooLong { get; private set; }

    /// <summary>Whether the line last taken ended with a line feed rather than with the stream.</summary>
    public bool Terminated { get; private set; }

    /// <summary>Where the next bytes of the stream go; never empty.</summary>
    public Memory<byte> Free()
    {
        if (_start > 0)
        {
            _bytes.AsSpan(_start, _end - _start).CopyTo(_bytes);
            (_searched, _end, _start) = (_searched - _start, _end - _start, 0);
        }
        if (_end > MaxLineBytes)
        {
            _skipping = true;
            _searched = _end = KeptOfTooLong;
        }
        if (_end == _bytes.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(_bytes.Length * 2);
            _bytes.CopyTo(larger, 0);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }
        return _bytes.AsMemory(_end);
    }

    /// <summary>Tells how many bytes were put into <see cref="Free"/>; none means that the stream has ended.</summary>
    public void Filled(int count)
    {
        _end += count;
        Ended = count == 0;
    }

    /// <summary>Takes the next whole line without its line feed. Its bytes are valid until <see cref="Free"/> is called.</summary>
    public bool TryTake(out ReadOnlyMemory<byte> line)
    {
        int found = _bytes.AsSpan(_searched, _end - _searched).IndexOf((byte)'\n');
        Terminated = found >= 0;
        if (!Terminated && !(Ended && _end > _start))
        {
            _searched = _end;
            line = default;
            return false;
        }
        int end = Terminated ? _searched + found : _end;
        Line++;
        TooLong = _skipping || end - _start > MaxLineBytes;
        line = _bytes.AsMemory(_start, TooLong ? KeptOfTooLong : end - _start);
        _start = _searched = Terminated ? end + 1 : _end;
        _skipping = false;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => ArrayPool<byte>.Shared.Return(_bytes);
}
