using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>Sums of many rows into few: added in one order, so that a run repeats itself bit for bit.</summary>
internal static class OrderedSums
{
    /// <summary>Adds each row to the one of the total that its index names: by index_add on a CPU, by sorting on a GPU, where index_add's order changes.</summary>
    /// <param name="total">(places, …), changed in place.</param>
    /// <param name="index">(rows,).</param>
    /// <param name="rows">(rows, …).</param>
    public static Tensor Add(Tensor total, Tensor index, Tensor rows) => total.device_type == DeviceType.CPU
        ? total.index_add_(0, index, rows, 1)
        : total.index_put_(rows, new[] { index }, accumulate: true);
}
