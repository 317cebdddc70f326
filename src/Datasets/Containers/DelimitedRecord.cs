using System.Text;

namespace TrainingService.Datasets.Containers;

/// <summary>
/// Finds the records of CSV and TSV (RFC 4180) among bytes that arrive piece by piece. Written here because a library's
/// reader takes text: it cannot tell at which byte a file stops being UTF-8, nor keep a row within a bound.
/// </summary>
/// <param name="delimiter">Comma, tab or semicolon.</param>
internal sealed class DelimitedRecord(byte delimiter)
{
    // Stretches of the record's bytes; where quotes are doubled, they still are.
    private readonly List<(int Start, int Length, bool Doubled)> _cells = [];
    private At _at = At.CellStart;
    private int _scanned, _cellStart;
    private long _lines;
    private bool _doubled;

    // Where in its grammar the record is: what the next byte means.
    private enum At { CellStart, Bare, Quoted, QuoteInQuoted }

    /// <summary>How many cells the record last found has.</summary>
    public int Count => _cells.Count;

    /// <summary>1-based line on which the record last found, or the one being read, begins.</summary>
    public long Line { get; private set; }

    /// <summary>The 1-based cell after whose closing quote the record last found goes on; 0 when there is none.</summary>
    public int Misquoted { get; private set; }

    /// <summary>Whether the file ends within the quotes of the record last found.</summary>
    public bool Unclosed { get; private set; }

    /// <summary>Begins a record at the first of the bytes that <see cref="TryFind"/> is given next.</summary>
    public void Begin()
    {
        _cells.Clear();
        (_at, _scanned, _cellStart, _doubled, Misquoted, Unclosed, Line) = (At.CellStart, 0, 0, false, 0, false, _lines + 1);
    }

    /// <summary>Goes on to the record's end.</summary>
    /// <param name="bytes">All bytes from the record's first.</param>
    /// <param name="ended">Whether none follow.</param>
    /// <param name="length">Length of the record with its line end.</param>
    public bool TryFind(ReadOnlySpan<byte> bytes, bool ended, out int length)
    {
        for (; _scanned < bytes.Length; _scanned++)
        {
            byte next = bytes[_scanned];
            if (next == '\n') _lines++;
            switch (_at)
            {
                case At.Quoted:
                    if (next == '"') _at = At.QuoteInQuoted;
                    else if (bytes[_scanned..].IndexOfAny((byte)'"', (byte)'\n') is var plain && plain != 0) _scanned += (plain < 0 ? bytes.Length - _scanned : plain) - 1;
                    continue;
                case At.QuoteInQuoted when next == '"':
                    (_at, _doubled) = (At.Quoted, true);
                    continue;
                case At.CellStart when next == '"':
                    (_at, _cellStart) = (At.Quoted, _scanned + 1);
                    continue;
            }
            if (next == delimiter)
            {
                EndCell();
            }
            else if (next is (byte)'\n' or (byte)'\r')
            {
                // A carriage return ends a row alone too, but takes its line feed along: whether there is one must be known.
                if (next == '\r' && _scanned + 1 == bytes.Length && !ended) break;
                bool both = next == '\r' && _scanned + 1 < bytes.Length && bytes[_scanned + 1] == '\n';
                EndCell();
                if (next == '\r') _lines++;
                length = _scanned + (both ? 2 : 1);
                return true;
            }
            else if (_at == At.QuoteInQuoted)
            {
                if (Misquoted == 0) Misquoted = _cells.Count + 1;
                _at = At.Bare;
            }
            else
            {
                _at = At.Bare;
            }
        }
        length = bytes.Length;
        if (!ended || bytes.IsEmpty) return false;
        Unclosed = _at == At.Quoted;
        EndCell();
        return true;
    }

    /// <summary>A cell of the record last found.</summary>
    /// <param name="record">The record's bytes.</param>
    /// <param name="index">From 0.</param>
    public ReadOnlySpan<byte> Cell(ReadOnlySpan<byte> record, int index)
    {
        (int start, int length, bool doubled) = _cells[index];
        ReadOnlySpan<byte> cell = record.Slice(start, length);
        return doubled ? Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(cell).Replace("\"\"", "\"", StringComparison.Ordinal)) : cell;
    }

    private void EndCell()
    {
        int end = _at == At.QuoteInQuoted ? _scanned - 1 : _scanned;
        _cells.Add((_cellStart, end - _cellStart, _doubled && _at == At.QuoteInQuoted));
        (_at, _cellStart, _doubled) = (At.CellStart, _scanned + 1, false);
    }
}
