using TorchSharp;
using TrainingService.Training.Optimization;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TrainingService.Training.Tests.Optimization;

public sealed class GradientClippingTests
{
    [Fact]
    public void LargeGradient_IsScaledToTheLargestNorm()
    {
        using Tensor gradients = tensor([3f, -4f]);
        Assert.Equal(5, GradientClipping.Clip(gradients, 0.5));
        Assert.Equal([3 * 0.1f, -4 * 0.1f], gradients.data<float>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Theory, InlineData(5.1), InlineData(0)]
    public void GradientWithinTheNorm_OrWithoutOne_IsLeftAlone(double maxNorm)
    {
        using Tensor gradients = tensor([3f, -4f]);
        Assert.Equal(5, GradientClipping.Clip(gradients, maxNorm));
        Assert.Equal([3f, -4f], gradients.data<float>().ToArray());
    }

    [Fact]
    public void NormOfNotANumber_IsReported()
    {
        using Tensor gradients = tensor([3f, float.NaN]);
        Assert.True(double.IsNaN(GradientClipping.Clip(gradients, 1)));
    }

    [Fact]
    public void Clip_EqualsTorch()
    {
        Tensor values = randn(10_000, generator: new Generator(1));
        using var parameter = new Parameter(zeros(10_000));
        parameter.grad = values.clone();
        double expected = nn.utils.clip_grad_norm_([parameter], 1);
        Assert.Equal(expected, GradientClipping.Clip(values, 1), 1e-4);
        Assert.True((values - parameter.grad).abs().max().item<float>() <= 1e-8f);
    }
}
