using static TorchSharp.torch;

namespace TrainingService.Training.Optimization;

/// <summary>A trained matrix or vector: a view of the flat parameters, and of the flat gradients.</summary>
/// <param name="Value">The weights, float32; changed in place.</param>
/// <param name="Gradient">Their gradient, of the same shape.</param>
internal readonly record struct TrainedWeight(Tensor Value, Tensor Gradient);

/// <summary>An optimiser over an adapter's weights.</summary>
internal interface IOptimizer : IDisposable
{
    /// <summary>Takes one step along the gradients.</summary>
    void Step(double learningRate);

    /// <summary>Its moments, by name.</summary>
    IEnumerable<KeyValuePair<string, Tensor>> State { get; }

    /// <summary>Takes over a checkpoint's moments, by copy.</summary>
    /// <param name="read">Reads one of <see cref="State"/>'s.</param>
    /// <param name="steps">Steps taken.</param>
    void Restore(Func<string, Tensor> read, long steps);
}
