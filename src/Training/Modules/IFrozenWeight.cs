using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>A matrix (out, in) that activations are multiplied by and that gets no gradient, in whatever form it is kept.</summary>
internal interface IFrozenWeight
{
    /// <summary>The matrix in the type of the arithmetic. Ask for it inside a dispose scope: what a compact form unpacks ends with the scope.</summary>
    Tensor Matrix();
}
