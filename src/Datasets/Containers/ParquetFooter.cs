using System.Buffers.Binary;

namespace TrainingService.Datasets.Containers;

/// <summary>
/// Whether a Parquet file's table of contents is what its reader expects: Thrift's compact protocol, and parquet.thrift's
/// fields in it. Looked at before Parquet.Net reads it, which goes by the numbers of fields alone and, once astray, reads
/// past the end for ever.
/// </summary>
internal ref struct ParquetFooter
{
    private const int MaxBytes = 64 << 20;

    // A line a structure: its fields' numbers and types. i: an integer, b: a boolean, y: a byte, s: text or bytes, [: a list of.
    private static readonly Dictionary<string, Dictionary<int, string>> s_structures = Parse("""
        FileMetaData 1=i 2=[SchemaElement 3=i 4=[RowGroup 5=[KeyValue 6=s 7=[ColumnOrder 9=s
        SchemaElement 1=i 2=i 3=i 4=s 5=i 6=i 7=i 8=i 9=i 10=LogicalType
        LogicalType 1=Empty 2=Empty 3=Empty 4=Empty 5=Decimal 6=Empty 7=Time 8=Time 10=Integer 11=Empty 12=Empty 13=Empty 14=Empty 15=Empty 16=Variant
        Decimal 1=i 2=i
        Time 1=b 2=TimeUnit
        TimeUnit 1=Empty 2=Empty 3=Empty
        Integer 1=y 2=b
        Variant 1=y
        KeyValue 1=s 2=s
        ColumnOrder 1=Empty
        RowGroup 1=[ColumnChunk 2=i 3=i 4=[SortingColumn 5=i 6=i 7=i
        SortingColumn 1=i 2=b 3=b
        ColumnChunk 1=s 2=i 3=ColumnMetaData 4=i 5=i 6=i 7=i
        ColumnMetaData 1=i 2=[i 3=[s 4=i 5=i 6=i 7=i 8=[KeyValue 9=i 10=i 11=i 12=Statistics 13=[PageEncodingStats 14=i 15=i 16=SizeStatistics
        Statistics 1=s 2=s 3=i 4=i 5=s 6=s 7=b 8=b
        PageEncodingStats 1=i 2=i 3=i
        SizeStatistics 1=i 2=[i 3=[i
        Empty
        """);

    private ReadOnlySpan<byte> _rest;

    /// <exception cref="ContainerException">It is not.</exception>
    public static async Task EnsureSoundAsync(Stream file, CancellationToken cancellationToken)
    {
        byte[] end = new byte[8];
        if (file.Length < 12) throw Damaged();
        file.Seek(-end.Length, SeekOrigin.End);
        await file.ReadExactlyAsync(end, cancellationToken);
        int length = BinaryPrimitives.ReadInt32LittleEndian(end);
        if (!end.AsSpan(4).SequenceEqual("PAR1"u8) || length <= 0 || length > file.Length - 12) throw Damaged();
        if (length > MaxBytes) throw new ContainerException($"The Parquet file's table of contents is larger than {MaxBytes >> 20} MiB; write the file with fewer and larger row groups.");
        byte[] footer = new byte[length];
        file.Seek(-end.Length - length, SeekOrigin.End);
        await file.ReadExactlyAsync(footer, cancellationToken);
        if (!new ParquetFooter { _rest = footer }.TryPassStructure("FileMetaData")) throw Damaged();
    }

    private static ContainerException Damaged() =>
        new("The Parquet file is damaged, cut off or encrypted: its table of contents, at its end, cannot be read. Write and upload it again in full.");

    private static Dictionary<string, Dictionary<int, string>> Parse(string lines) => lines.Split('\n').Select(line => line.Trim().Split(' ')).ToDictionary(
        words => words[0], words => words.Skip(1).Select(word => word.Split('=')).ToDictionary(pair => int.Parse(pair[0], System.Globalization.CultureInfo.InvariantCulture), pair => pair[1]));

    // Structures nest as the table says, which has no circle: the depth is bounded.
    private bool TryPassStructure(string name)
    {
        Dictionary<int, string> fields = s_structures[name];
        int field = 0;
        while (TryTake(out byte header))
        {
            if (header == 0) return true;
            if (header >> 4 is var step and > 0) field += step;
            else if (TryTakeNumber(out ulong zigzag)) field = (short)((long)(zigzag >> 1) ^ -(long)(zigzag & 1));
            else return false;
            if (!fields.TryGetValue(field, out string? type) || !Matches(type, header & 15) || !TryPass(type, isElement: false)) return false;
        }
        return false;
    }

    // Compact types: 1 true, 2 false, 3 byte, 4 to 6 integers, 8 binary, 9 list, 12 structure.
    private static bool Matches(string type, int compact) => type[0] switch
    {
        'b' => compact is 1 or 2,
        'y' => compact == 3,
        'i' => compact is 4 or 5 or 6,
        's' => compact == 8,
        '[' => compact == 9,
        _ => compact == 12,
    };

    private bool TryPass(string type, bool isElement)
    {
        switch (type[0])
        {
            case 'b' when !isElement:
                return true;
            case 'b' or 'y':
                return TryTake(out _);
            case 'i':
                return TryTakeNumber(out _);
            case 's':
                if (!TryTakeNumber(out ulong length) || length > (ulong)_rest.Length) return false;
                _rest = _rest[(int)length..];
                return true;
            case '[':
                return TryPassList(type[1..]);
            default:
                return TryPassStructure(type);
        }
    }

    private bool TryPassList(string type)
    {
        if (!TryTake(out byte header)) return false;
        ulong count = (ulong)(header >> 4);
        if (count == 15 && !TryTakeNumber(out count)) return false;
        if (count > (ulong)_rest.Length || (count > 0 && !Matches(type, header & 15))) return false;
        for (ulong i = 0; i < count; i++)
            if (!TryPass(type, isElement: true)) return false;
        return true;
    }

    private bool TryTake(out byte next)
    {
        next = _rest.IsEmpty ? (byte)0 : _rest[0];
        if (_rest.IsEmpty) return false;
        _rest = _rest[1..];
        return true;
    }

    private bool TryTakeNumber(out ulong number)
    {
        number = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            if (!TryTake(out byte next)) return false;
            number |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return true;
        }
        return false;
    }
}
