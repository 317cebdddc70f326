using System.Text;

namespace TrainingService.Training.Tests.Exports;

/// <summary>Reads a GGUF file as the format's description has it, apart from the writer.</summary>
internal sealed class GgufFile
{
    public Dictionary<string, object> Metadata { get; } = [];

    /// <summary>Dimensions as stored, the closest first, and the values.</summary>
    public Dictionary<string, (ulong[] Dimensions, float[] Values)> Tensors { get; } = [];

    public GgufFile(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        using var reader = new BinaryReader(new MemoryStream(bytes));
        Assert.Equal("GGUF", Encoding.ASCII.GetString(reader.ReadBytes(4)));
        Assert.Equal(3u, reader.ReadUInt32());
        ulong tensors = reader.ReadUInt64(), pairs = reader.ReadUInt64();
        for (ulong i = 0; i < pairs; i++)
        {
            string key = Text();
            Metadata[key] = reader.ReadUInt32() switch
            {
                4 => reader.ReadUInt32(),
                6 => reader.ReadSingle(),
                8 => Text(),
                var type => throw new InvalidDataException($"{key} has type {type}."),
            };
        }
        var places = new List<(string Name, ulong[] Dimensions, ulong Offset)>();
        for (ulong i = 0; i < tensors; i++)
        {
            string name = Text();
            ulong[] dimensions = new ulong[reader.ReadUInt32()];
            for (int d = 0; d < dimensions.Length; d++) dimensions[d] = reader.ReadUInt64();
            Assert.Equal(0u, reader.ReadUInt32()); // F32
            ulong offset = reader.ReadUInt64();
            Assert.Equal(0u, offset % 32);
            places.Add((name, dimensions, offset));
        }
        ulong data = ((ulong)reader.BaseStream.Position + 31) / 32 * 32;
        foreach ((string name, ulong[] dimensions, ulong offset) in places)
        {
            float[] values = new float[dimensions.Aggregate(1ul, (product, size) => product * size)];
            Buffer.BlockCopy(bytes, checked((int)(data + offset)), values, 0, values.Length * sizeof(float));
            Tensors[name] = (dimensions, values);
        }

        string Text() => Encoding.UTF8.GetString(reader.ReadBytes(checked((int)reader.ReadUInt64())));
    }
}
