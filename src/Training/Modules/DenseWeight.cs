using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>A weight kept as it is multiplied.</summary>
/// <param name="matrix">(out, in).</param>
internal sealed class DenseWeight(Tensor matrix) : IFrozenWeight
{
    public Tensor Matrix() => matrix;
}
