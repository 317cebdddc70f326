using System.IO.Compression;
using System.Text;
using System.Text.Json;
using TrainingService.Datasets.Containers;
using TrainingService.Datasets.Formats;
using ZstdSharp;

namespace TrainingService.Datasets.Tests.Containers;

/// <summary>What a container's reader makes of bytes, read as an upload (no seek, small pieces) and as a stored file.</summary>
internal sealed record ContainerRows(string? Name, IReadOnlyList<string> Rows, IReadOnlyList<long> Numbers, IReadOnlyList<RowProblem> Problems)
{
    public static ContainerRows Read(byte[] bytes)
    {
        ContainerRows stored = Read(new SynchronousStream(new MemoryStream(bytes)));
        ContainerRows uploaded = Read(new SynchronousStream(new PassingStream(bytes)));
        Assert.Equal(stored.Name, uploaded.Name);
        Assert.Equal(stored.Rows, uploaded.Rows);
        Assert.Equal(stored.Numbers, uploaded.Numbers);
        Assert.Equal(stored.Problems, uploaded.Problems);
        return stored;
    }

    public static ContainerRows Read(string text) => Read(Encoding.UTF8.GetBytes(text));

    public static ContainerRows Read(Stream stream)
    {
        var container = new Container(stream);
        List<string> rows = [];
        List<long> numbers = [];
        List<RowProblem> problems = [];
        foreach (ContainerRow row in container.ReadAsync(CancellationToken.None).ToBlockingEnumerable())
        {
            if (row.Problem is { } problem)
            {
                problems.Add(problem);
                continue;
            }
            numbers.Add(row.Number);
            rows.Add(JsonSerializer.Serialize(row.Value));
        }
        return new(container.Name, rows, numbers, problems);
    }

    public static byte[] Gzip(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.SmallestSize)) gzip.Write(bytes);
        return stream.ToArray();
    }

    public static byte[] Zstd(byte[] bytes)
    {
        using var compressor = new Compressor();
        return compressor.Wrap(bytes).ToArray();
    }

    /// <summary>Bytes that come in pieces of odd sizes and only once, as a request's do.</summary>
    private sealed class PassingStream(byte[] bytes) : MemoryStream(bytes)
    {
        private int _pieces;

        public override bool CanSeek => false;

        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, 1 + _pieces++ * 7 % 997));

        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, 1 + _pieces++ * 7 % 997)]);
    }
}
