using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Optimization;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter, 2017, arXiv 1711.05101) over one flat tensor, as
/// torch.optim.AdamW. All adapter weights are views of that tensor, so a step is a dozen in-place calls however many
/// there are.
/// </summary>
/// <param name="parameters">All trained weights, flat, float32; changed in place.</param>
/// <param name="gradients">Their gradients, of the same shape; read at each step.</param>
internal sealed class AdamW(Tensor parameters, Tensor gradients) : IOptimizer
{
    // One step's square root; kept because allocating it anew costs more than the arithmetic.
    private readonly Tensor _denominator = empty_like(parameters).DetachFromDisposeScope();

    /// <summary>Decay of the gradient's mean.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the squared gradient's mean.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the squared gradient's mean.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Share of the weights that a step takes away, times its learning rate.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Mean of the gradients.</summary>
    public Tensor ExpAvg { get; } = zeros_like(parameters).DetachFromDisposeScope();

    /// <summary>Mean of the squared gradients.</summary>
    public Tensor ExpAvgSq { get; } = zeros_like(parameters).DetachFromDisposeScope();

    /// <summary>Steps taken.</summary>
    public long Steps { get; private set; }

    public IEnumerable<KeyValuePair<string, Tensor>> State => [new("exp_avg", ExpAvg), new("exp_avg_sq", ExpAvgSq)];

    public void Restore(Func<string, Tensor> read, long steps)
    {
        ExpAvg.copy_(read("exp_avg"));
        ExpAvgSq.copy_(read("exp_avg_sq"));
        Steps = steps;
    }

    public void Step(double learningRate)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope(); // lerp_ makes a tensor of its scalar.
        Steps++;
        double correction1 = 1 - Math.Pow(Beta1, Steps);
        double correction2 = 1 - Math.Pow(Beta2, Steps);
        if (WeightDecay != 0) parameters.mul_(1 - learningRate * WeightDecay);
        ExpAvg.lerp_(gradients, 1 - Beta1);
        ExpAvgSq.mul_(Beta2).addcmul_(gradients, gradients, 1 - Beta2);
        _denominator.copy_(ExpAvgSq).sqrt_().div_(Math.Sqrt(correction2)).add_(Epsilon);
        parameters.addcdiv_(ExpAvg, _denominator, -learningRate / correction1);
    }

    public void Dispose()
    {
        ExpAvg.Dispose();
        ExpAvgSq.Dispose();
        _denominator.Dispose();
    }
}
