using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Containers;

/// <summary>
/// CSV and TSV: a header line of names, then a row of cells for every object. Rows count from 1 below the header; since
/// cells may hold line feeds, problems tell the line too. Blank lines are passed over.
/// </summary>
/// <param name="input">The file's bytes.</param>
/// <param name="delimiter">What stands between cells.</param>
internal sealed class DelimitedText(InputBuffer input, byte delimiter)
{
    private static readonly JsonWriterOptions s_writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly DelimitedRecord _record = new(delimiter);
    private readonly ArrayBufferWriter<byte> _json = new(4096);

    /// <summary>The delimiter of a header line: of comma, tab and semicolon the most frequent outside quotes; null when it has none.</summary>
    public static byte? DelimiterOf(ReadOnlySpan<byte> header)
    {
        Span<int> counts = stackalloc int[3];
        bool quoted = false;
        foreach (byte b in header)
        {
            if (b == '"') quoted = !quoted;
            else if (!quoted && ",\t;"u8.IndexOf(b) is var at and >= 0) counts[at]++;
        }
        int most = Math.Max(counts[0], Math.Max(counts[1], counts[2]));
        return most == 0 ? null : ",\t;"u8[counts.IndexOf(most)];
    }

    public async IAsyncEnumerable<ContainerRow> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string[]? names = null;
        for (long number = 0; ;)
        {
            _record.Begin();
            bool found;
            int length;
            while (!(found = _record.TryFind(input.Unread.Span, input.Ended, out length)) && !input.Ended && !input.Full)
                await input.FillAsync(cancellationToken);
            if (input.Unread.IsEmpty) yield break;
            if (!found || length > InputBuffer.MaxRowBytes)
            {
                yield return ContainerRow.Bad(number + 1, $"The row that begins on line {_record.Line} is longer than {InputBuffer.MaxRowBytes >> 20} MiB; is a quote never closed? The rows after it were not read.");
                yield break;
            }
            ReadOnlyMemory<byte> bytes = input.Unread[..length];
            bool isBlank = bytes.Span.TrimStart("\r\n"u8).IsEmpty;
            if (!isBlank && names is null) names = NamesOf(bytes.Span);
            else if (!isBlank)
            {
                number++;
                if (FaultOf(bytes.Span, names!) is { } fault)
                {
                    yield return ContainerRow.Bad(number, fault);
                }
                else
                {
                    using JsonDocument? row = JsonRow.Parse(Json(bytes.Span, names!), number, isCutOff: false, out RowProblem? problem);
                    yield return new(number, row?.RootElement ?? default, problem);
                }
            }
            input.Take(length);
        }
    }

    private string[] NamesOf(ReadOnlySpan<byte> header)
    {
        if (JsonRow.Undecodable(header) is { } undecodable) throw new ContainerException($"The header line cannot be read. {undecodable}");
        var names = new string[_record.Count];
        for (int i = 0; i < names.Length; i++)
        {
            names[i] = Encoding.UTF8.GetString(_record.Cell(header, i)).Trim();
            if (names[i].Length == 0)
                throw new ContainerException($"Column {i + 1} of the header line has no name; name it or remove it{(i == 0 ? " (pandas writes its index so; write with index=False)" : "")}.");
            if (names.AsSpan(0, i).Contains(names[i])) throw new ContainerException($"The header line names the column '{names[i]}' twice; keep one of them.");
        }
        if (_record.Misquoted > 0) throw new ContainerException($"The header line goes on after the closing quote of column {_record.Misquoted}; write quotes within a name twice.");
        return names;
    }

    private string? FaultOf(ReadOnlySpan<byte> row, string[] names)
    {
        string line = $"(The row begins on line {_record.Line}.)";
        if (_record.Unclosed) return $"A quote is opened and never closed: the file is cut off, or a quote within a cell is not written twice. {line}";
        if (JsonRow.Undecodable(row) is { } undecodable) return $"{undecodable} {line}";
        if (_record.Misquoted > 0)
            return $"Text follows the closing quote of cell {_record.Misquoted}; put the whole cell in quotes and write quotes within it twice. {line}";
        return _record.Count == names.Length ? null
            : $"The row has {_record.Count} cells, but the header names {names.Length} columns ({string.Join(", ", names.Take(12))}); put a cell in quotes when it holds the delimiter, a quote or a line end. {line}";
    }

    private ReadOnlyMemory<byte> Json(ReadOnlySpan<byte> row, string[] names)
    {
        _json.ResetWrittenCount();
        using var writer = new Utf8JsonWriter(_json, s_writing);
        writer.WriteStartObject();
        for (int i = 0; i < names.Length; i++)
            DelimitedCell.Write(writer, names[i], _record.Cell(row, i));
        writer.WriteEndObject();
        writer.Flush();
        return _json.WrittenMemory;
    }
}
