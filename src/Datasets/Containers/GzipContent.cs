using System.Buffers;
using System.IO.Compression;

namespace TrainingService.Datasets.Containers;

/// <summary>
/// The content of a gzip file, known to be whole at its end. .NET's <see cref="GZipStream"/> takes a file that stops
/// anywhere for one that ends there, and says nothing. So a mark is appended, compressed as gzip files may be strung
/// together: only behind a whole file does it come out again.
/// </summary>
internal sealed class GzipContent : ForwardStream
{
    private static readonly byte[] s_mark = [.. "\u0000end of the content\u0000"u8];
    private static readonly byte[] s_compressedMark = Compress(s_mark);

    private readonly GZipStream _decoder;
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(64 << 10);
    private int _start, _end;
    private bool _ended;

    public GzipContent(Stream compressed) => _decoder = new(new MarkedStream(compressed), CompressionMode.Decompress);

    /// <exception cref="InvalidDataException">The data is damaged, or its end is missing.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // What may be the mark is held back.
        while (!_ended && _end - _start <= s_mark.Length)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            int read = await _decoder.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
            _end += read;
            if (read > 0) continue;
            if (!_buffer.AsSpan(_start, _end - _start).SequenceEqual(s_mark)) throw new InvalidDataException("its end is missing");
            (_ended, _end) = (true, _start);
        }
        int count = _ended ? 0 : Math.Min(buffer.Length, _end - _start - s_mark.Length);
        _buffer.AsMemory(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _decoder.Dispose();
            ArrayPool<byte>.Shared.Return(_buffer);
        }
        base.Dispose(disposing);
    }

    private static byte[] Compress(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Fastest)) gzip.Write(bytes);
        return stream.ToArray();
    }

    private sealed class MarkedStream(Stream compressed) : ForwardStream
    {
        private int _given = -1;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_given < 0)
            {
                if (await compressed.ReadAsync(buffer, cancellationToken) is var read and > 0) return read;
                _given = 0;
            }
            int count = Math.Min(buffer.Length, s_compressedMark.Length - _given);
            s_compressedMark.AsMemory(_given, count).CopyTo(buffer);
            _given += count;
            return count;
        }
    }
}
