using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Optimization;

/// <summary>Stochastic gradient descent as torch.optim.SGD without momentum: weight decay is added to the gradient.</summary>
/// <param name="parameters">All trained weights, flat, float32; changed in place.</param>
/// <param name="gradients">Their gradients, of the same shape; read at each step.</param>
/// <param name="weightDecay">L2 penalty.</param>
internal sealed class Sgd(Tensor parameters, Tensor gradients, double weightDecay) : IOptimizer
{
    public IEnumerable<KeyValuePair<string, Tensor>> State => [];

    public void Step(double learningRate)
    {
        using IDisposable noGradient = no_grad();
        if (weightDecay != 0) parameters.mul_(1 - learningRate * weightDecay);
        parameters.add_(gradients, -learningRate);
    }

    public void Restore(Func<string, Tensor> read, long steps) { }

    public void Dispose() { }
}
