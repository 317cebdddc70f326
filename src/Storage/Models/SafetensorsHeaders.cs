using System.Buffers.Binary;
using System.Text.Json;

namespace TrainingService.Storage.Models;

/// <summary>A tensor as the header of its safetensors file names it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Dtype">Its type, e.g. <c>BF16</c>.</param>
/// <param name="Shape">Its sizes.</param>
public sealed record TensorHeader(string Name, string Dtype, long[] Shape)
{
    /// <summary>Numbers in it.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);
}

/// <summary>The tensors of a model's folder, read from the headers of its files: no weight is loaded.</summary>
public static class SafetensorsHeaders
{
    /// <summary>Names the files of a model in several.</summary>
    public const string Index = "model.safetensors.index.json";

    /// <summary>The file of a model in one.</summary>
    public const string Whole = "model.safetensors";

    private const long LongestHeader = 64L << 20;

    /// <summary>All tensors of the files that the engine would load; none where there are no such files.</summary>
    /// <exception cref="FormatException">A file is not what its name says.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static IReadOnlyList<TensorHeader> Read(string folder)
    {
        try
        {
            return [.. Files(folder).SelectMany(f => ReadHeader(Path.Combine(folder, f)))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or OverflowException)
        {
            throw new FormatException($"The safetensors files are damaged: {e.Message}", e);
        }
    }

    /// <summary>Names of the files that the engine would load; none where there are no such files.</summary>
    /// <exception cref="JsonException">The index is no JSON.</exception>
    /// <exception cref="InvalidOperationException">The index does not map names to names.</exception>
    /// <exception cref="KeyNotFoundException">The index has no map.</exception>
    /// <exception cref="IOException">The index cannot be read.</exception>
    public static IReadOnlyList<string> Files(string folder)
    {
        if (File.Exists(Path.Combine(folder, Whole))) return [Whole];
        if (!File.Exists(Path.Combine(folder, Index))) return [];
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, Index)));
        return [.. json.RootElement.GetProperty("weight_map").EnumerateObject().Select(p => Path.GetFileName(p.Value.GetString() ?? "")).Distinct().Order(StringComparer.Ordinal)];
    }

    private static List<TensorHeader> ReadHeader(string path)
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> length = stackalloc byte[sizeof(long)];
        file.ReadExactly(length);
        long bytes = BinaryPrimitives.ReadInt64LittleEndian(length);
        if (bytes is < 2 or > LongestHeader || bytes > file.Length - sizeof(long)) throw new FormatException($"{Path.GetFileName(path)} is no safetensors file.");
        byte[] header = new byte[bytes];
        file.ReadExactly(header);
        using JsonDocument json = JsonDocument.Parse(header);
        return [.. from entry in json.RootElement.EnumerateObject()
                   where entry.Name != "__metadata__"
                   select new TensorHeader(entry.Name, entry.Value.GetProperty("dtype").GetString() ?? "",
                       [.. entry.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())])];
    }
}
