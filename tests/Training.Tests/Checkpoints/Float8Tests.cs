using TorchSharp;
using TrainingService.Training.Checkpoints;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Checkpoints;

public class Float8Tests
{
    // A half has one bit of exponent more and the same bias of 15 as E5M2 has: E5M2 is its upper byte.
    [Fact]
    public void E5M2_IsTheUpperByteOfAHalf() =>
        Assert.Equal(Enumerable.Range(0, 256).Select(code => (float)BitConverter.UInt16BitsToHalf((ushort)(code << 8))), Float8.E5M2);

    // E4M3's exponent has a bias of 7: the same bits as a half's are 2⁸ times as small. It has no infinities; all bits set is NaN.
    [Fact]
    public void E4M3_IsAHalfOfAnotherBias() => Assert.Equal(
        Enumerable.Range(0, 256).Select(code => (code & 127) == 127 ? float.NaN : 256 * (float)BitConverter.UInt16BitsToHalf((ushort)(((code & 128) << 8) | ((code & 127) << 7)))),
        Float8.E4M3);

    [Fact]
    public void Landmarks_AreThePapers()
    {
        Assert.Equal(448, Float8.E4M3[0x7e]);
        Assert.Equal(1 / 512f, Float8.E4M3[1]);
        Assert.Equal(57344, Float8.E5M2[0x7b]);
        Assert.Equal(1 / 65536f, Float8.E5M2[1]);
    }

    [Theory]
    [InlineData("F8_E4M3", ScalarType.Float32)]
    [InlineData("F8_E4M3", ScalarType.BFloat16)]
    [InlineData("F8_E5M2", ScalarType.Float32)]
    [InlineData("F8_E5M2", ScalarType.BFloat16)]
    public void AllCodes_AreReadAsTheirValues(string type, ScalarType target)
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "a.safetensors");
        RawSafetensors.Write(path, $$"""{"a": {"dtype": "{{type}}", "shape": [16, 16], "data_offsets": [0, 256]} }""", [.. Enumerable.Range(0, 256).Select(i => (byte)i)]);
        using var reader = new SafetensorsReader(path);
        using Tensor read = empty([16, 16], target);
        reader.ReadInto("a", read);
        using Tensor wide = read.to_type(ScalarType.Float32);
        Assert.Equal(type == "F8_E4M3" ? Float8.E4M3 : Float8.E5M2, wide.data<float>());
    }
}
