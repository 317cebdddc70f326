using System.Buffers.Binary;
using System.Text;
using TorchSharp;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Checkpoints;

public class SafetensorsTests
{
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Int64)]
    public void TensorsWritten_AreReadBack(ScalarType type)
    {
        using var folder = new TemporaryFolder();
        using DisposeScope scope = NewDisposeScope();
        Tensor matrix = arange(12).view(3, 4).to_type(type), scalar = tensor(7).to_type(type), empty = zeros([0, 4], type);
        string path = Path.Combine(folder.Path, "a.safetensors");

        // Not contiguous, as a transposed view is not.
        SafetensorsWriter.Write(path, [new("b.matrix", matrix.t()), new("a.scalar", scalar), new("empty", empty)]);

        using var reader = new SafetensorsReader(path);
        Assert.True(reader.Read("b.matrix").equal(matrix.t()).all().item<bool>());
        Assert.Equal(7f, reader.Read("a.scalar").to_type(ScalarType.Float32).item<float>());
        Assert.Equal([0, 4], reader.ShapeOf("empty"));
    }

    [Fact]
    public void FileOverALongerOne_EndsWhereItShould()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "a.safetensors");
        SafetensorsWriter.Write(path, [new("a", zeros(1000))]);
        SafetensorsWriter.Write(path, [new("a", ones(1))]);
        using var reader = new SafetensorsReader(path);
        Assert.Equal(1f, reader.Read("a").item<float>());
        Assert.InRange(new FileInfo(path).Length, 1, 200);
    }

    [Theory]
    [InlineData("", "shorter")]
    [InlineData("\u0005", "claims")]
    [InlineData("[]", "JSON object")]
    [InlineData("""{"a": {"dtype": "F4", "shape": [1], "data_offsets": [0, 1]}}""", "F4")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}""", "outside")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}""", "bytes")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}""", "impossible")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 4]}}""", "impossible")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}""", "outside")]
    [InlineData("""{"a": {"dtype": "F32"}}""", "header")]
    public void DamagedFile_IsRefusedWithTheReason(string header, string reason)
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "a.safetensors");
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header == "\u0005" ? 5_000 : json.Length);
        File.WriteAllBytes(path, header.Length == 0 ? [] : [.. length, .. json, 0, 0, 0, 0]);

        ModelFormatException refused = Assert.Throws<ModelFormatException>(() => new SafetensorsReader(path));

        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        Assert.Contains("a.safetensors", refused.Message, StringComparison.Ordinal);
    }
}
