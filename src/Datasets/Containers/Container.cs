using System.Runtime.CompilerServices;
using System.Text;

namespace TrainingService.Datasets.Containers;

/// <summary>
/// A file of rows, however it holds them: JSON Lines, a JSON array, CSV, TSV or Parquet, plain or compressed, recognised by
/// its bytes and never by its name.
/// </summary>
/// <param name="file">The file; all but Parquet is read as it comes.</param>
internal sealed class Container(Stream file)
{
    private const int LookedAt = 64 << 10;

    // What people upload for a dataset and what their bytes begin with.
    private static readonly (byte[] Magic, string Told)[] s_foreign =
    [
        ("PK\u0003\u0004"u8.ToArray(), "a ZIP archive or an Excel workbook; upload the file in it, a workbook saved as CSV in UTF-8"),
        ("BZh"u8.ToArray(), "compressed by bzip2; compress it by gzip or zstd"),
        ([0xFD, .. "7zXZ"u8], "compressed by xz; compress it by gzip or zstd"),
        ("ARROW1"u8.ToArray(), "an Arrow file; write it as Parquet"),
        ("ORC"u8.ToArray(), "an ORC file; write it as Parquet"),
        ("SQLite format 3"u8.ToArray(), "a database of SQLite; export its table as CSV"),
        ("%PDF"u8.ToArray(), "a PDF document"),
    ];

    private string _compression = "";

    /// <summary>
    /// jsonl, json, csv, tsv or parquet, and <c>+gzip</c> or <c>+zstd</c> when it is compressed as a whole; null until the
    /// first row was asked for, or when it is none of these.
    /// </summary>
    public string? Name { get; private set; }

    /// <summary>
    /// Reads all rows, good and bad. What condemns the file, or all that follows, is told by a last bad row. Faults of the
    /// file's stream itself are thrown.
    /// </summary>
    public async IAsyncEnumerable<ContainerRow> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<ContainerRow> rows = ReadUntilFaultAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        long last = 0;
        while (true)
        {
            ContainerRow row;
            try
            {
                if (!await rows.MoveNextAsync()) yield break;
                row = rows.Current;
            }
            catch (ContainerException e)
            {
                row = ContainerRow.Bad(0, last == 0 ? e.Message : $"After row {last}: {e.Message}");
            }
            yield return row;
            if (row.Number == 0) yield break;
            last = row.Number;
        }
    }

    private async IAsyncEnumerable<ContainerRow> ReadUntilFaultAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        HeadStream content = await HeadStream.OpenAsync(file, cancellationToken);
        string? compression = DecompressedStream.CompressionOf(content.Head);
        using DecompressedStream? decompressed = compression is null ? null : DecompressedStream.Open(compression, content);
        if (decompressed is not null)
        {
            _compression = $"+{compression}";
            content = await HeadStream.OpenAsync(decompressed, cancellationToken);
            if (DecompressedStream.CompressionOf(content.Head) is { } again)
                throw new ContainerException($"The file is compressed twice: by {compression}, and within by {again}. Decompress it once.");
        }
        IAsyncEnumerable<ContainerRow> rows = ParquetFile.IsParquet(content.Head)
            ? ReadParquetAsync(content, isCompressed: decompressed is not null, cancellationToken)
            : ReadTextAsync(content, cancellationToken);
        await foreach (ContainerRow row in rows) yield return row;
    }

    private async IAsyncEnumerable<ContainerRow> ReadParquetAsync(HeadStream content, bool isCompressed, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Name = $"parquet{_compression}";
        await using Stream? spooled = file.CanSeek && !isCompressed ? null : await ParquetFile.SpoolAsync(content, isCompressed, cancellationToken);
        await foreach (ContainerRow row in ParquetFile.ReadAsync(spooled ?? file, cancellationToken)) yield return row;
    }

    private async IAsyncEnumerable<ContainerRow> ReadTextAsync(HeadStream content, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach ((byte[] magic, string told) in s_foreign)
            if (content.Head.StartsWith(magic)) throw new ContainerException($"The file is {told}.");
        if (OtherEncoding(content.Head) is { } encoding) throw new ContainerException(encoding);

        using var input = new InputBuffer(content);
        while (!input.Ended && input.Unread.Length < LookedAt) await input.FillAsync(cancellationToken);
        if (input.Unread.Span.StartsWith(Encoding.UTF8.Preamble)) input.Take(Encoding.UTF8.Preamble.Length);
        await foreach (ContainerRow row in Recognise(input, cancellationToken)) yield return row;
    }

    private IAsyncEnumerable<ContainerRow> Recognise(InputBuffer input, CancellationToken cancellationToken)
    {
        ReadOnlySpan<byte> start = input.Unread.Span.TrimStart(" \t\r\n"u8);
        string? field = start.StartsWith("{"u8) ? JsonArray.FieldOf(start) : null;
        if (start.StartsWith("["u8) || field is not null)
        {
            Name = $"json{_compression}";
            return new JsonArray(input, field).ReadAsync(cancellationToken);
        }
        if (start.IsEmpty || start.StartsWith("{"u8))
        {
            Name = $"jsonl{_compression}";
            return JsonLines.ReadAsync(input, cancellationToken);
        }
        ReadOnlySpan<byte> header = input.Unread.Span.TrimStart("\r\n"u8);
        if (header.IndexOfAny((byte)'\n', (byte)'\r') is var end and >= 0) header = header[..end];
        byte delimiter = DelimitedText.DelimiterOf(header) ?? throw new ContainerException(
            "The file is none of JSON Lines (an object a line), a JSON array, CSV or TSV with a header line of names, and Parquet. It begins neither with '{' or '[' nor with a line of several names.");
        Name = (delimiter == '\t' ? "tsv" : "csv") + _compression;
        return new DelimitedText(input, delimiter).ReadAsync(cancellationToken);
    }

    private static string? OtherEncoding(ReadOnlySpan<byte> start)
    {
        const string Save = "save it as UTF-8";
        if (start.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE, 0, 0]) || start.StartsWith((ReadOnlySpan<byte>)[0, 0, 0xFE, 0xFF])) return $"The file is in UTF-32; {Save}.";
        if (start.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || start.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF])) return $"The file is in UTF-16; {Save}.";
        if (start.Length >= 4 && start[..4].ContainsAnyExcept((byte)0) && start[..4].Contains((byte)0)) return $"The file is in UTF-16 or UTF-32, or is not text at all; {Save}.";
        return null;
    }
}
