using TorchSharp;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

public class ElementwiseBlockTests
{
    [Fact]
    public void RmsNorm_IsItsFormula()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = PlainAutograd.Normal(1, 12);
        var norm = new RmsNorm(weight, 1e-5);
        PlainAutograd.AssertSame([PlainAutograd.Normal(2, 7, 12)], (tape, x) => norm.Forward(tape, x[0]),
            x => x[0] * (x[0].pow(2).mean([-1], keepdim: true) + 1e-5).rsqrt() * weight);
    }

    [Fact]
    public void RmsNormOfBfloat16_IsThatOfFloat32Rounded()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = PlainAutograd.Normal(1, 64), x = PlainAutograd.Normal(2, 5, 64) * 30;
        using var tape = new Tape(records: false);

        Tensor narrow = new RmsNorm(weight.bfloat16(), 1e-5).Forward(tape, tape.Constant(x.bfloat16())).Value;

        Tensor wide = x.bfloat16().@float();
        Tensor expected = wide * (wide.pow(2).mean([-1], keepdim: true) + 1e-5).rsqrt() * weight.bfloat16().@float();
        Assert.Equal(ScalarType.BFloat16, narrow.dtype);
        PlainAutograd.AssertNear(expected, narrow.@float(), "norm", tolerance: 1.0 / 128);
    }

    [Fact]
    public void GatedSilu_IsItsFormula()
    {
        using DisposeScope scope = NewDisposeScope();
        PlainAutograd.AssertSame([PlainAutograd.Normal(3, 6, 10) * 3], GatedSiluOf,
            x => x[0].narrow(1, 0, 5) * x[0].narrow(1, 0, 5).sigmoid() * x[0].narrow(1, 5, 5));

        static Activation GatedSiluOf(Tape tape, Activation[] x) => GatedSilu.Forward(tape, x[0]);
    }

    [Fact]
    public void SelectRows_AddsTheGradientsOfARowTakenTwice()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = tensor([4L, 0, 4, 2]);
        PlainAutograd.AssertSame([PlainAutograd.Normal(4, 6, 3)], (tape, x) => SelectRows.Forward(tape, x[0], rows), x => x[0].index_select(0, rows));
    }

    [Fact]
    public void Rotation_TurnsPairsOfHalvesByTheirAngle()
    {
        using DisposeScope scope = NewDisposeScope();
        Rotation rotation = new RotaryEmbedding(new([1f, 0.1f]), CPU).At(tensor([3L]), [], ScalarType.Float32);
        Tensor x = tensor(new[] { 1f, 0, 0, 2 }).view(1, 1, 4);

        double[] turned = [.. rotation.Apply(x).data<float>().Select(v => (double)v)];

        // (1, 0) turned by 3 · 1 in dimensions 0 and 2, (0, 2) turned by 3 · 0.1 in dimensions 1 and 3.
        double[] expected = [Math.Cos(3), -2 * Math.Sin(0.3), Math.Sin(3), 2 * Math.Cos(0.3)];
        for (int i = 0; i < 4; i++) Assert.Equal(expected[i], turned[i], 1e-6);
        PlainAutograd.AssertNear(x, rotation.ApplyTransposed(rotation.Apply(x)), "turned there and back");
    }
}
