using ZstdSharp;

namespace TrainingService.Datasets.Containers;

/// <summary>The content of a gzip or zstd file, within bounds that a file made to exhaust its reader passes and a real one does not.</summary>
internal sealed class DecompressedStream : ForwardStream
{
    /// <summary>Text shrinks to a tenth, seldom to a fiftieth; this is far from both.</summary>
    public const int MaxRatio = 200;

    /// <summary>Up to here the ratio does not matter: small files may repeat themselves.</summary>
    public const long RatioMattersFrom = 64 << 20;

    private const int MaxGibibytes = 64;

    private readonly string _name;
    private readonly GuardedStream _source;
    private readonly Stream _decoder;
    private long _given;

    private DecompressedStream(string name, Stream compressed)
    {
        _name = name;
        _source = new(compressed, long.MaxValue);
        _decoder = name == "gzip" ? new GzipContent(_source) : new DecompressionStream(_source, leaveOpen: true);
    }

    /// <summary>How a file that begins so is compressed; null when it is not.</summary>
    public static string? CompressionOf(ReadOnlySpan<byte> head) =>
        head.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]) ? "gzip"
        : head.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]) || (head.Length >= 4 && head[0] >> 4 == 5 && head[1..].StartsWith((ReadOnlySpan<byte>)[0x2A, 0x4D, 0x18])) ? "zstd"
        : null;

    public static DecompressedStream Open(string compression, Stream compressed) => new(compression, compressed);

    /// <exception cref="ContainerException">The compressed bytes are damaged or cut off, or there is far more behind them than in them.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read;
        try
        {
            read = await _decoder.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception e) when (!_source.Failed && e is InvalidDataException or EndOfStreamException or ZstdException)
        {
            throw new ContainerException($"The {_name} data is damaged or cut off after {_given} bytes of content: {e.Message.TrimEnd('.')}. Compress and upload the file again in full.");
        }
        _given += read;
        if (_given > RatioMattersFrom && _given / MaxRatio > _source.BytesRead)
            throw new ContainerException($"The {_name} data holds more than {MaxRatio} times its size, which no dataset does. Upload the file uncompressed if it is meant so.");
        if (_given > (long)MaxGibibytes << 30)
            throw new ContainerException($"The {_name} data holds more than {MaxGibibytes} GiB; split the file.");
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _decoder.Dispose();
        base.Dispose(disposing);
    }
}
