using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Parquet;
using Parquet.Schema;

namespace TrainingService.Datasets.Containers;

/// <summary>A column of a group of rows, read value by value, as JSON.</summary>
internal abstract class ParquetColumn(int[] definitions, int[] repetitions)
{
    private int _next;

    /// <summary>Why the last value is none of JSON's.</summary>
    public string? Fault { get; set; }

    /// <summary>How many of the fields around the next value, and it itself, are there.</summary>
    public int Definition => definitions[Next(0)];

    /// <summary>Whether the next value goes on with a list at this level.</summary>
    public bool Repeats(int level) => _next < repetitions.Length && repetitions[_next] == level;

    /// <summary>Passes over a value that is not there.</summary>
    public void Skip() => Next(1);

    /// <summary>Writes the next value.</summary>
    public abstract void Write(Utf8JsonWriter writer);

    /// <summary>Writes the next value as a field's name.</summary>
    public abstract void WriteName(Utf8JsonWriter writer);

    public static Task<ParquetColumn> ReadAsync(ParquetRowGroupReader group, DataField field, CancellationToken cancellationToken)
    {
        System.Type type = field.ClrType;
        return type == typeof(ReadOnlyMemory<byte>) || type == typeof(byte[]) ? ReadAsync<ReadOnlyMemory<byte>>(WriteText)
            : type == typeof(bool) ? ReadAsync<bool>((column, writer, value) => writer.WriteBooleanValue(value))
            : type == typeof(sbyte) ? ReadAsync<sbyte>((column, writer, value) => writer.WriteNumberValue(value))
            : type == typeof(byte) ? ReadAsync<byte>((column, writer, value) => writer.WriteNumberValue(value))
            : type == typeof(short) ? ReadAsync<short>((column, writer, value) => writer.WriteNumberValue(value))
            : type == typeof(ushort) ? ReadAsync<ushort>((column, writer, value) => writer.WriteNumberValue(value))
            : type == typeof(int) ? ReadAsync<int>((column, writer, value) => writer.WriteNumberValue(value))
            : type == typeof(uint) ? ReadAsync<uint>((column, writer, value) => writer.WriteNumberValue(value))
            : type == typeof(long) ? ReadAsync<long>((column, writer, value) => writer.WriteNumberValue(value))
            : type == typeof(ulong) ? ReadAsync<ulong>((column, writer, value) => writer.WriteNumberValue(value))
            : type == typeof(Half) ? ReadAsync<Half>((column, writer, value) => WriteNumber(writer, (float)value))
            : type == typeof(float) ? ReadAsync<float>((column, writer, value) => WriteNumber(writer, value))
            : type == typeof(double) ? ReadAsync<double>((column, writer, value) => WriteNumber(writer, value))
            : type == typeof(decimal) ? ReadAsync<decimal>((column, writer, value) => writer.WriteNumberValue(value))
            : type == typeof(DateOnly) ? ReadAsync<DateOnly>((column, writer, value) => writer.WriteStringValue(value.ToString("O", CultureInfo.InvariantCulture)))
            : type == typeof(DateTime) ? ReadAsync<DateTime>((column, writer, value) => writer.WriteStringValue(value))
            : type == typeof(Guid) ? ReadAsync<Guid>((column, writer, value) => writer.WriteStringValue(value))
            : throw new ContainerException($"The Parquet file's column '{field.Path}' is of a kind that is not read ({type.Name}). Write it as a text or a number, or leave it out.");

        async Task<ParquetColumn> ReadAsync<T>(Action<ParquetColumn, Utf8JsonWriter, T> write) where T : struct
        {
            int count = (int)(group.GetMetadata(field)?.MetaData?.NumValues ?? throw new ContainerException($"The Parquet file's column '{field.Path}' is missing in a row group. Write the file again."));
            var (values, definitions, repetitions) = (new T[count], new int[count], new int[count]);
            await group.ReadRawAsync<T>(field, values, definitions, repetitions, cancellationToken);
            return new Of<T>(values, definitions, repetitions, write);
        }

        void WriteText(ParquetColumn column, Utf8JsonWriter writer, ReadOnlyMemory<byte> value)
        {
            if (Utf8.IsValid(value.Span))
            {
                writer.WriteStringValue(value.Span);
                return;
            }
            column.Fault ??= $"The bytes of '{field.Path}' are not text in UTF-8; leave the column out if it holds no text.";
            writer.WriteNullValue();
        }
    }

    private static ContainerException TooShort() => new("The Parquet file is damaged: a column has fewer values than rows. Write the file again.");

    /// <summary>The position of the next value, which is passed over by a step of 1.</summary>
    protected int Next(int step)
    {
        int next = _next < definitions.Length ? _next : throw TooShort();
        _next += step;
        return next;
    }

    private static void WriteNumber(Utf8JsonWriter writer, float value)
    {
        if (float.IsFinite(value)) writer.WriteNumberValue(value);
        else writer.WriteNullValue(); // pandas' missing number
    }

    private static void WriteNumber(Utf8JsonWriter writer, double value)
    {
        if (double.IsFinite(value)) writer.WriteNumberValue(value);
        else writer.WriteNullValue();
    }

    // Values that are not there have no place among the values.
    private sealed class Of<T>(T[] values, int[] definitions, int[] repetitions, Action<ParquetColumn, Utf8JsonWriter, T> write)
        : ParquetColumn(definitions, repetitions) where T : struct
    {
        private int _value;

        public override void Write(Utf8JsonWriter writer) => write(this, writer, Take());

        public override void WriteName(Utf8JsonWriter writer) => writer.WritePropertyName(Take() switch
        {
            ReadOnlyMemory<byte> text => Encoding.UTF8.GetString(text.Span),
            IFormattable value => value.ToString(null, CultureInfo.InvariantCulture),
            var other => $"{other}",
        });

        private T Take()
        {
            Skip();
            return _value < values.Length ? values[_value++] : throw TooShort();
        }
    }
}
