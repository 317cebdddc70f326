using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// Linear layers that share their input, each quantised by itself to NF4 and unpacked for the product, as QLoRA does
/// (Dettmers et al., 2023, arXiv 2305.14314).
/// </summary>
/// <param name="parts">The layers' matrices (out, in), one below the other; owned from now on.</param>
/// <param name="dtype">Type of the arithmetic.</param>
/// <param name="device">Where they are.</param>
internal sealed class Nf4Weight(IReadOnlyList<Nf4Matrix> parts, ScalarType dtype, Device device) : IFrozenWeight, IDisposable
{
    public Tensor Matrix()
    {
        Tensor matrix = empty([parts.Sum(p => p.Rows), parts[0].Columns], dtype, device);
        long row = 0;
        foreach (Nf4Matrix part in parts)
        {
            using Tensor own = matrix.narrow(0, row, part.Rows);
            part.DequantizeInto(own);
            row += part.Rows;
        }
        return matrix;
    }

    public void Dispose()
    {
        foreach (Nf4Matrix part in parts) part.Dispose();
    }
}
