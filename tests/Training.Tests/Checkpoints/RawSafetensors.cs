using System.Buffers.Binary;
using System.Text;

namespace TrainingService.Training.Tests.Checkpoints;

/// <summary>Safetensors files as no sound writer makes them.</summary>
internal static class RawSafetensors
{
    /// <summary>Writes a file of the given header, sound or not, and data.</summary>
    public static void Write(string path, string header, ReadOnlySpan<byte> data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header), length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        File.WriteAllBytes(path, [.. length, .. json, .. data]);
    }

    /// <summary>Writes a file again with another header.</summary>
    public static void ChangeHeader(string path, Func<string, string> change)
    {
        byte[] file = File.ReadAllBytes(path);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        Write(path, change(Encoding.UTF8.GetString(file, 8, length)), file.AsSpan(8 + length));
    }
}
