using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Exports;

/// <summary>
/// Writes a GGUF file of float32 tensors, version 3: header, metadata, the tensors' names and places, and their bytes at
/// multiples of 32. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
/// </summary>
internal sealed class GgufWriter : IDisposable
{
    private const int Alignment = 32;
    private const uint Version = 3, UInt32Type = 4, Float32Type = 6, StringType = 8, Float32Tensor = 0;

    private readonly BinaryWriter _writer;

    /// <param name="path">The file, which is replaced.</param>
    public GgufWriter(string path) => _writer = new(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None), Encoding.UTF8);

    /// <summary>Writes the whole file.</summary>
    /// <param name="metadata">Strings, unsigned numbers and floats by key.</param>
    /// <param name="tensors">Each tensor's name, its shape as torch has it, and what makes it.</param>
    /// <param name="written">Called with a tensor's bytes when it is written, or null.</param>
    public void Write(IReadOnlyList<KeyValuePair<string, object>> metadata, IReadOnlyList<(string Name, long[] Shape, Func<Tensor> Make)> tensors, Action<long>? written = null)
    {
        _writer.Write("GGUF"u8);
        _writer.Write(Version);
        _writer.Write((ulong)tensors.Count);
        _writer.Write((ulong)metadata.Count);
        foreach ((string key, object value) in metadata) WriteValue(key, value);
        long offset = 0;
        foreach ((string name, long[] shape, _) in tensors)
        {
            WriteText(name);
            _writer.Write((uint)shape.Length);
            // The dimension that lies closest together comes first.
            foreach (long dimension in shape.Reverse()) _writer.Write((ulong)dimension);
            _writer.Write(Float32Tensor);
            _writer.Write((ulong)offset);
            offset += Aligned(Bytes(shape));
        }
        foreach ((_, long[] shape, Func<Tensor> make) in tensors)
        {
            Pad();
            using DisposeScope scope = NewDisposeScope();
            Tensor flat = make().to_type(ScalarType.Float32).cpu().contiguous();
            _writer.Flush();
            flat.WriteBytesToStream(_writer.BaseStream, 1 << 20);
            written?.Invoke(Bytes(shape));
        }
        Pad();
        _writer.Flush();
        ((FileStream)_writer.BaseStream).Flush(flushToDisk: true);
    }

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();

    private void WriteValue(string key, object value)
    {
        WriteText(key);
        switch (value)
        {
            case string text:
                _writer.Write(StringType);
                WriteText(text);
                break;
            case uint number:
                _writer.Write(UInt32Type);
                _writer.Write(number);
                break;
            case float number:
                _writer.Write(Float32Type);
                _writer.Write(number);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(value), value, "No GGUF type for this value.");
        }
    }

    private void WriteText(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        _writer.Write((ulong)bytes.Length);
        _writer.Write(bytes);
    }

    private void Pad()
    {
        _writer.Flush();
        for (long at = _writer.BaseStream.Position; at % Alignment != 0; at++) _writer.Write((byte)0);
        _writer.Flush();
    }

    private static long Bytes(long[] shape) => shape.Aggregate((long)sizeof(float), (product, size) => product * size);

    private static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
