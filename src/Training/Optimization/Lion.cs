using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Optimization;

/// <summary>Lion (Chen et al., 2023, arXiv 2302.06675): the sign of an interpolated momentum, with decoupled weight decay.</summary>
/// <param name="parameters">All trained weights, flat, float32; changed in place.</param>
/// <param name="gradients">Their gradients, of the same shape; read at each step.</param>
internal sealed class Lion(Tensor parameters, Tensor gradients) : IOptimizer
{
    private readonly Tensor _expAvg = zeros_like(parameters).DetachFromDisposeScope();

    /// <summary>Share of the momentum in a step.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the momentum.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Share of the weights that a step takes away, times its learning rate.</summary>
    public double WeightDecay { get; init; }

    public IEnumerable<KeyValuePair<string, Tensor>> State => [new("exp_avg", _expAvg)];

    public void Step(double learningRate)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        if (WeightDecay != 0) parameters.mul_(1 - learningRate * WeightDecay);
        parameters.add_(_expAvg.lerp(gradients, 1 - Beta1).sign_(), -learningRate);
        _expAvg.lerp_(gradients, 1 - Beta2);
    }

    public void Restore(Func<string, Tensor> read, long steps) => _expAvg.copy_(read("exp_avg"));

    public void Dispose() => _expAvg.Dispose();
}
