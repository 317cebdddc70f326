using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace TrainingService.Worker.Reproduction;

/// <summary>How far two adapters' weights are apart. PEFT's files hold float32 alone.</summary>
/// <param name="Difference">The largest difference of two elements.</param>
/// <param name="Largest">The largest element.</param>
/// <param name="Tensor">The tensor that the difference is in.</param>
internal sealed record AdapterComparison(double Difference, double Largest, string Tensor)
{
    /// <exception cref="ReproductionException">They do not hold the same tensors.</exception>
    public static AdapterComparison Of(byte[] first, byte[] second)
    {
        (JsonElement tensors, int start) = Header(first);
        (JsonElement others, int otherStart) = Header(second);
        if (tensors.GetRawText() != others.GetRawText()) throw new ReproductionException("The two adapters do not hold the same tensors, so their weights cannot be compared.");

        (double furthest, double largest, string where) = (0, 0, "");
        foreach (JsonProperty tensor in tensors.EnumerateObject().Where(t => t.Name != "__metadata__"))
        {
            (int from, int to) = (tensor.Value.GetProperty("data_offsets")[0].GetInt32(), tensor.Value.GetProperty("data_offsets")[1].GetInt32());
            ReadOnlySpan<float> a = MemoryMarshal.Cast<byte, float>(first.AsSpan(start + from, to - from)), b = MemoryMarshal.Cast<byte, float>(second.AsSpan(otherStart + from, to - from));
            for (int i = 0; i < a.Length; i++)
            {
                double difference = Math.Abs((double)a[i] - b[i]);
                largest = Math.Max(largest, Math.Abs((double)a[i]));
                if (difference > furthest) (furthest, where) = (difference, tensor.Name);
            }
        }
        return new(furthest, largest, where);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"the largest difference of two elements is {Difference:0.###E+0}, in {Tensor}; the largest element is {Largest:0.###E+0}");

    private static (JsonElement Tensors, int Start) Header(byte[] file)
    {
        int length = checked((int)BitConverter.ToInt64(file));
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(8, length));
        return (header.RootElement.Clone(), 8 + length);
    }
}
