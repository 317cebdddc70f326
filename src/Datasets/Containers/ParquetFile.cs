using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using Parquet;
using Parquet.Meta;
using Parquet.Schema;
using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Containers;

/// <summary>
/// Parquet: columns in groups of rows, a group in memory at a time. Rows count from 1 through the file. Fields that are null
/// are absent from the row, as they were before a writer gave all rows the same columns.
/// </summary>
internal static class ParquetFile
{
    /// <summary>Most memory that a group of rows may take.</summary>
    public const long MaxGroupBytes = 1L << 30;

    private const long MaxSpooledBytes = 4L << 30;
    private const long LargeGroupBytes = 64L << 20;

    // Readers of large groups wait for each other: what a process holds of them does not grow with its requests.
    private static readonly SemaphoreSlim s_largeGroups = new(2);

    private static readonly JsonWriterOptions s_writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private static readonly ParquetOptions s_options = new() { UseDateOnlyTypeForDates = true };

    public static bool IsParquet(ReadOnlySpan<byte> head) => head.StartsWith("PAR1"u8) || head.StartsWith("PARE"u8);

    /// <summary>
    /// Puts a file that only passes by into a temporary one, since Parquet's table of contents stands at the end. Its owner
    /// disposes it, which deletes it.
    /// </summary>
    public static async Task<Stream> SpoolAsync(Stream content, bool isCompressed, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.None, Options = FileOptions.DeleteOnClose };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var spool = new FileStream(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()), options);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(64 << 10);
        try
        {
            for (int read; (read = await content.ReadAsync(buffer, cancellationToken)) > 0;)
            {
                await spool.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                // What is not compressed is bounded by the limit of uploads.
                if (isCompressed && spool.Length > MaxSpooledBytes)
                    throw new ContainerException($"The Parquet file is larger than {MaxSpooledBytes >> 30} GiB once decompressed. Parquet compresses its columns itself: upload it as it is.");
            }
            return spool;
        }
        catch
        {
            await spool.DisposeAsync();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public static async IAsyncEnumerable<ContainerRow> ReadAsync(Stream file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // Every byte is needed about once; a damaged file may lead its reader in circles.
        var source = new GuardedStream(file, limit: 4 * file.Length + (1 << 20));
        await ParquetFooter.EnsureSoundAsync(source, cancellationToken);
        await using ParquetReader reader = await DecodeAsync(source, async () => await ParquetReader.CreateAsync(source, s_options, leaveStreamOpen: true, cancellationToken));
        ParquetNode root = await DecodeAsync(source, () => Task.FromResult(RootOf(reader)));
        DataField[] fields = await DecodeAsync(source, () => Task.FromResult(reader.Schema.DataFields));
        root.EnsureMatches(fields);

        var json = new ArrayBufferWriter<byte>(4096);
        long number = 0;
        for (int i = 0; i < reader.RowGroupCount; i++)
        {
            ParquetRowGroupReader group = reader.OpenRowGroupReader(i);
            var columns = new ParquetColumn[fields.Length];
            bool isLarge = BytesOf(group, i) > LargeGroupBytes;
            if (isLarge) await s_largeGroups.WaitAsync(cancellationToken);
            try
            {
                for (int j = 0; j < columns.Length; j++)
                    columns[j] = await DecodeAsync(source, () => ParquetColumn.ReadAsync(group, fields[j], cancellationToken));
                for (long row = 0; row < group.RowCount; row++)
                {
                    number++;
                    string? fault = Write(root, columns, json);
                    if (fault is not null)
                    {
                        yield return ContainerRow.Bad(number, fault);
                        continue;
                    }
                    using JsonDocument? document = JsonRow.Parse(json.WrittenMemory, number, isCutOff: false, out RowProblem? problem);
                    yield return new(number, document?.RootElement ?? default, problem);
                }
            }
            finally
            {
                if (isLarge) s_largeGroups.Release();
            }
        }
    }

    private static ParquetNode RootOf(ParquetReader reader)
    {
        FileMetaData contents = reader.Metadata!;
        if (contents.Schema.Count == 0) throw new ContainerException("The Parquet file has no columns.");
        // Text is read as the bytes it is: the library would replace what is not UTF-8 and say nothing.
        foreach (SchemaElement element in contents.Schema)
            if (element.Type == Parquet.Meta.Type.BYTE_ARRAY && element.ConvertedType != ConvertedType.DECIMAL && element.LogicalType?.DECIMAL is null)
                (element.ConvertedType, element.LogicalType) = (null, null);
        return ParquetNode.Of(contents.Schema);
    }

    /// <summary>Memory that a group takes.</summary>
    /// <exception cref="ContainerException">More than is allowed.</exception>
    private static long BytesOf(ParquetRowGroupReader group, int index)
    {
        long bytes = 0;
        foreach (ColumnChunk column in group.RowGroup.Columns)
        {
            if (column.MetaData is not { NumValues: >= 0 and <= int.MaxValue, TotalUncompressedSize: >= 0 } sizes)
                throw new ContainerException("The Parquet file's table of contents is damaged. Write the file again.");
            // A value costs its reference, its length and its two levels beside its bytes.
            bytes += Math.Min(sizes.TotalUncompressedSize, MaxGroupBytes + 1) + sizes.NumValues * 24;
        }
        if (bytes > MaxGroupBytes)
            throw new ContainerException($"Row group {index + 1} of the Parquet file takes {bytes >> 20} MiB in memory; at most {MaxGroupBytes >> 20} are allowed. Write the file with smaller row groups (row_group_size=10000).");
        return bytes;
    }

    private static string? Write(ParquetNode root, ParquetColumn[] columns, ArrayBufferWriter<byte> json)
    {
        json.ResetWrittenCount();
        using var writer = new Utf8JsonWriter(json, s_writing);
        string? fault = root.WriteRow(writer, columns);
        writer.Flush();
        return fault ?? (json.WrittenCount > InputBuffer.MaxRowBytes ? $"The row is longer than {InputBuffer.MaxRowBytes >> 20} MiB." : null);
    }

    // The library promises no kind of exception for damaged bytes: an index out of its range is as likely as its own.
    private static async Task<T> DecodeAsync<T>(GuardedStream source, Func<Task<T>> decode)
    {
        try
        {
            return await decode();
        }
        catch (Exception e) when (!source.Failed && e is not (ContainerException or OperationCanceledException))
        {
            throw new ContainerException($"The Parquet file is damaged, cut off, encrypted or of a kind that is not read ({e.Message.TrimEnd('.')}). Write it again, with snappy, gzip or zstd and data pages of version 1.");
        }
    }
}
