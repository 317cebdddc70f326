using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Checkpoints;

/// <summary>A tensor to be written, made when its turn comes.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Type of its elements.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Make">Makes it, of this type and shape.</param>
internal sealed record SafetensorsEntry(string Name, ScalarType Type, long[] Shape, Func<Tensor> Make)
{
    /// <summary>Bytes of the tensor.</summary>
    public long Length => Shape.Aggregate(ElementSize, (product, size) => product * size);

    /// <summary>Bytes of an element.</summary>
    public long ElementSize => Type.ElementSize();
}

/// <summary>Writes a safetensors file as the reference implementation does: metadata <c>{"format":"pt"}</c>, wider types first, then by name.</summary>
internal static class SafetensorsWriter
{
    /// <summary>Writes the tensors; the file is complete and on disk when this returns.</summary>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors) =>
        Write(path, tensors.Select(t => new SafetensorsEntry(t.Key, t.Value.dtype, t.Value.shape, () => t.Value)));

    /// <summary>Writes tensors that are made one after the other; the file is complete and on disk when this returns.</summary>
    /// <param name="path">The file.</param>
    /// <param name="entries">The tensors.</param>
    /// <param name="written">Called after each tensor, or null.</param>
    public static void Write(string path, IEnumerable<SafetensorsEntry> entries, Action<SafetensorsEntry>? written = null)
    {
        SafetensorsEntry[] ordered = [.. entries.OrderByDescending(t => t.ElementSize).ThenBy(t => t.Name, StringComparer.Ordinal)];
        var header = new JsonObject { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        long offset = 0;
        foreach (SafetensorsEntry entry in ordered)
        {
            header[entry.Name] = new JsonObject
            {
                ["dtype"] = NameOf(entry.Type),
                ["shape"] = new JsonArray([.. entry.Shape.Select(d => (JsonNode)d)]),
                ["data_offsets"] = new JsonArray(offset, offset + entry.Length),
            };
            offset += entry.Length;
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header);
        // The header is padded with spaces so that the tensors begin at a multiple of 8.
        int padded = (json.Length + 7) / 8 * 8;
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None);
        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)padded);
        file.Write(prefix);
        file.Write(json);
        for (int i = json.Length; i < padded; i++) file.WriteByte((byte)' ');
        foreach (SafetensorsEntry entry in ordered)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor flat = entry.Make().detach().cpu().contiguous();
            flat.WriteBytesToStream(file, 1 << 20);
            written?.Invoke(entry);
        }
        file.Flush(flushToDisk: true);
    }

    private static string NameOf(ScalarType type) => type switch
    {
        ScalarType.Float64 => "F64",
        ScalarType.Float32 => "F32",
        ScalarType.Float16 => "F16",
        ScalarType.BFloat16 => "BF16",
        ScalarType.Int64 => "I64",
        ScalarType.Int32 => "I32",
        ScalarType.Int16 => "I16",
        ScalarType.Int8 => "I8",
        ScalarType.Byte => "U8",
        ScalarType.Bool => "BOOL",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "No safetensors name for this type."),
    };
}
