using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using TorchSharp;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Checkpoints;

/// <summary>
/// Reads tensors from a safetensors file: 8 bytes of header length, a JSON header, the tensors' bytes. Every offset is
/// checked against the file before anything is read. Format: https://github.com/huggingface/safetensors.
/// </summary>
internal sealed class SafetensorsReader : IDisposable
{
    private const int HeaderLimit = 100_000_000;

    /// <summary>Most bytes read into a buffer before they are converted: it is all that loading needs beside the model.</summary>
    private const long BufferLimit = 4 << 20;
    private const long ReadLimit = 1 << 30;

    // TorchSharp has no 8-bit floating point: those are read as bytes and looked up.
    private static readonly Dictionary<string, IReadOnlyList<float>> s_float8 = new() { ["F8_E4M3"] = Float8.E4M3, ["F8_E5M2"] = Float8.E5M2 };

    private static readonly Dictionary<string, (ScalarType Type, int Bytes)> s_types = new()
    {
        ["F64"] = (ScalarType.Float64, 8),
        ["F32"] = (ScalarType.Float32, 4),
        ["F16"] = (ScalarType.Float16, 2),
        ["BF16"] = (ScalarType.BFloat16, 2),
        ["I64"] = (ScalarType.Int64, 8),
        ["I32"] = (ScalarType.Int32, 4),
        ["I16"] = (ScalarType.Int16, 2),
        ["I8"] = (ScalarType.Int8, 1),
        ["U8"] = (ScalarType.Byte, 1),
        ["F8_E4M3"] = (ScalarType.Byte, 1),
        ["F8_E5M2"] = (ScalarType.Byte, 1),
        ["BOOL"] = (ScalarType.Bool, 1),
    };

    private readonly SafeFileHandle _file;
    private readonly Dictionary<string, Entry> _entries = [];

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="ModelFormatException">The file is not a sound safetensors file.</exception>
    public SafetensorsReader(string path)
    {
        Path = path;
        _file = File.OpenHandle(path, options: FileOptions.RandomAccess);
        try
        {
            ReadHeader(RandomAccess.GetLength(_file));
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Names of the tensors.</summary>
    public IEnumerable<string> Names => _entries.Keys;

    /// <summary>Whether the file has this tensor.</summary>
    public bool Contains(string name) => _entries.ContainsKey(name);

    /// <summary>Shape of a tensor.</summary>
    public long[] ShapeOf(string name) => Find(name).Shape;

    /// <summary>Type of a tensor, by the format's name.</summary>
    public string TypeOf(string name) => Find(name).TypeName;

    /// <summary>Type of a tensor's elements as <see cref="Read"/> returns them.</summary>
    public ScalarType ElementTypeOf(string name) => IsFloat8(name) ? ScalarType.Float32 : Find(name).Type;

    /// <summary>Whether a tensor's numbers are 8-bit floating point.</summary>
    public bool IsFloat8(string name) => Find(name).Float8 is not null;

    /// <summary>A tensor as it is stored, on the CPU; 8-bit floating point as float32.</summary>
    public Tensor Read(string name)
    {
        Entry entry = Find(name);
        Tensor tensor = empty(entry.Shape, entry.Float8 is null ? entry.Type : ScalarType.Float32);
        ReadInto(name, tensor);
        return tensor;
    }

    /// <summary>Reads a tensor into another of the same shape, which converts type and device.</summary>
    public void ReadInto(string name, Tensor destination)
    {
        Entry entry = Find(name);
        if (!destination.shape.SequenceEqual(entry.Shape))
            throw Fault($"tensor '{name}' has shape [{string.Join(", ", entry.Shape)}], but [{string.Join(", ", destination.shape)}] was expected");
        long rows = entry.Shape.Length == 0 ? 1 : entry.Shape[0];
        if (rows == 0) return;
        bool direct = entry.Float8 is null && destination.dtype == entry.Type && destination.device_type == DeviceType.CPU && destination.is_contiguous();
        long rowBytes = entry.Length / rows, step = Math.Max(1, (direct ? ReadLimit : entry.Float8 is null ? BufferLimit : BufferLimit / 8) / Math.Max(1, rowBytes));
        for (long row = 0; row < rows; row += step)
        {
            using DisposeScope scope = NewDisposeScope();
            long n = Math.Min(step, rows - row);
            Tensor target = entry.Shape.Length == 0 ? destination : destination.narrow(0, row, n);
            Tensor buffer = direct ? target : empty(target.shape, entry.Type);
            ReadBytes(buffer, entry.Offset + row * rowBytes, n * rowBytes);
            if (!direct) target.copy_(entry.Float8 is { } values ? Lookup(values, buffer) : buffer);
        }
    }

    /// <summary>Whether a tensor has type, shape and bytes of one of another file, or of this one.</summary>
    public bool Equals(string name, SafetensorsReader other, string otherName)
    {
        (Entry own, Entry that) = (Find(name), other.Find(otherName));
        if (own.TypeName != that.TypeName || !own.Shape.SequenceEqual(that.Shape)) return false;
        byte[] bytes = new byte[(int)Math.Min(own.Length, BufferLimit)], otherBytes = new byte[bytes.Length];
        for (long at = 0; at < own.Length; at += bytes.Length)
        {
            int count = (int)Math.Min(bytes.Length, own.Length - at);
            ReadBytes(bytes.AsSpan(0, count), own.Offset + at);
            other.ReadBytes(otherBytes.AsSpan(0, count), that.Offset + at);
            if (!bytes.AsSpan(0, count).SequenceEqual(otherBytes.AsSpan(0, count))) return false;
        }
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static Tensor Lookup(IReadOnlyList<float> values, Tensor codes) =>
        tensor([.. values]).index_select(0, codes.view(-1).to_type(ScalarType.Int32)).view(codes.shape);

    private void ReadBytes(Tensor buffer, long offset, long count)
    {
        Span<byte> bytes = buffer.bytes;
        if (bytes.Length != count) throw Fault("a tensor's length does not fit its shape");
        ReadBytes(bytes, offset);
    }

    private void ReadBytes(Span<byte> bytes, long offset)
    {
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(_file, bytes, offset);
            if (read == 0) throw Fault("it ends in the middle of a tensor");
            bytes = bytes[read..];
            offset += read;
        }
    }

    private void ReadHeader(long fileLength)
    {
        Span<byte> prefix = stackalloc byte[8];
        if (fileLength < 8 || RandomAccess.Read(_file, prefix, 0) < 8) throw Fault("it is shorter than a header");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > HeaderLimit || (long)length > fileLength - 8) throw Fault($"its header claims {length} bytes, more than there are");
        byte[] header = new byte[(int)length];
        for (int at = 0; at < header.Length;)
        {
            int read = RandomAccess.Read(_file, header.AsSpan(at), 8 + at);
            if (read == 0) throw Fault("it ends in the middle of its header");
            at += read;
        }
        try
        {
            using JsonDocument json = JsonDocument.Parse(header);
            foreach (JsonProperty property in json.RootElement.EnumerateObject())
                if (property.Name != "__metadata__")
                    _entries[property.Name] = ReadEntry(property, 8 + (long)length, fileLength);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw Fault("its header is not a JSON object of tensors: " + exception.Message);
        }
    }

    private Entry ReadEntry(JsonProperty property, long dataStart, long fileLength)
    {
        string dtype = property.Value.GetProperty("dtype").GetString() ?? "";
        if (!s_types.TryGetValue(dtype, out (ScalarType Type, int Bytes) type))
            throw Fault($"tensor '{property.Name}' has type {dtype}, which is not supported; supported are {string.Join(", ", s_types.Keys)}");
        long[] shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
        long[] offsets = [.. property.Value.GetProperty("data_offsets").EnumerateArray().Select(d => d.GetInt64())];
        if (offsets is not [>= 0 and var begin, var end] || end < begin || end > fileLength - dataStart)
            throw Fault($"tensor '{property.Name}' has offsets [{string.Join(", ", offsets)}] outside the file");
        long count = 1;
        foreach (long dimension in shape)
        {
            if (dimension < 0 || (dimension > 0 && count > long.MaxValue / 16 / dimension)) throw Fault($"tensor '{property.Name}' has an impossible shape");
            count *= dimension;
        }
        if (count * type.Bytes != end - begin) throw Fault($"tensor '{property.Name}' has {end - begin} bytes, but its shape takes {count * type.Bytes}");
        return new(dtype, type.Type, s_float8.GetValueOrDefault(dtype), shape, dataStart + begin, end - begin);
    }

    private Entry Find(string name) => _entries.TryGetValue(name, out Entry? entry) ? entry : throw Fault($"it has no tensor '{name}'");

    private ModelFormatException Fault(string reason) => new($"{System.IO.Path.GetFileName(Path)} cannot be read: {reason}.");

    private sealed record Entry(string TypeName, ScalarType Type, IReadOnlyList<float>? Float8, long[] Shape, long Offset, long Length);
}
