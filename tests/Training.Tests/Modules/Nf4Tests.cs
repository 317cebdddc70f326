using TorchSharp;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

/// <summary>NF4 against what bitsandbytes computed.</summary>
public class Nf4Tests
{
    [Theory]
    [InlineData("square")]
    [InlineData("wide")]
    [InlineData("bf16")]
    public void CodesScalesAndValues_EqualBitsandbytes(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using SafetensorsReader golden = Golden.Tensors("nf4.safetensors");
        ScalarType dtype = name == "bf16" ? ScalarType.BFloat16 : ScalarType.Float32;
        Tensor weight = golden.Read($"{name}.weight").to_type(dtype);

        using Nf4Matrix matrix = Nf4Matrix.Quantize(weight);

        Assert.Equal(0, Golden.Difference(golden.Read($"{name}.double.packed").view(-1), matrix.Codes));
        Assert.Equal(0, Golden.Difference(golden.Read($"{name}.double.absmax"), matrix.Scales.Absmax));
        Assert.Equal(0, Golden.Difference(golden.Read($"{name}.double.state2.absmax"), matrix.Scales.Nested!));
        Assert.Equal(golden.Read($"{name}.double.offset").item<float>(), matrix.Scales.Offset);
        Tensor values = empty(weight.shape, dtype);
        matrix.DequantizeInto(values);
        Assert.Equal(0, Golden.Difference(golden.Read($"{name}.double.dequantised"), values));

        using var single = new Nf4Matrix(weight.shape[0], weight.shape[1], matrix.Codes.clone(), new(golden.Read($"{name}.single.absmax"), null, null, 0));
        single.DequantizeInto(values);
        Assert.Equal(0, Golden.Difference(golden.Read($"{name}.single.dequantised"), values));
    }

    [Fact]
    public void Tables_EqualBitsandbytes()
    {
        using SafetensorsReader golden = Golden.Tensors("nf4.safetensors");
        using Tensor values = golden.Read("square.double.code"), dynamic = golden.Read("square.double.state2.code");
        Assert.Equal(values.data<float>(), Nf4Code.Values);
        Assert.Equal(dynamic.data<float>(), Nf4Code.DynamicValues);
    }

    // 3 · 1,000,003 elements: slices, a block that is not full and an odd last element.
    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 13)]
    [InlineData(64, 64)]
    [InlineData(3, 1_000_003)]
    public void EachElement_IsTheNearestValueTimesItsScale(int rows, int columns)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = PlainAutograd.Normal(5, rows, columns), values = empty_like(weight);
        using Nf4Matrix matrix = Nf4Matrix.Quantize(weight);
        matrix.DequantizeInto(values);

        float[] source = [.. weight.view(-1).data<float>()], result = [.. values.view(-1).data<float>()], scales = [.. matrix.Scales.Values().data<float>()];
        Assert.Equal((source.Length + 63) / 64, scales.Length);
        for (int i = 0; i < source.Length; i += Math.Max(1, source.Length / 4096))
        {
            int block = i / 64 * 64;
            float largest = source[block..Math.Min(block + 64, source.Length)].Max(Math.Abs), scaled = source[i] / largest;
            float nearest = Nf4Code.Values.MinBy(v => Math.Abs(v - scaled));
            Assert.InRange(Math.Abs(scales[i / 64] / largest - 1), 0, 0.05);
            Assert.Equal(nearest * scales[i / 64], result[i], 1e-6f);
        }
    }

    [Fact]
    public void MatrixOfZeros_StaysZero()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor values = ones(8, 128);
        using Nf4Matrix matrix = Nf4Matrix.Quantize(zeros(8, 128));
        matrix.DequantizeInto(values);
        Assert.Equal(0, values.abs().max().item<float>());
        Assert.Equal(0, matrix.Scales.Absmax.max().item<byte>());
    }

    [Fact]
    public void Size_IsALittleOverFourBits()
    {
        using Tensor weight = ones(1024, 1024);
        using Nf4Matrix matrix = Nf4Matrix.Quantize(weight);
        Assert.InRange(matrix.Bytes * 8.0 / weight.numel(), 4.12, 4.17);
    }
}
