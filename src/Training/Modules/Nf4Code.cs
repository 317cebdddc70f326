using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// The tables of NormalFloat4 (Dettmers et al., 2023, arXiv 2305.14314) and of the 8-bit dynamic type that its scales are
/// kept in (Dettmers, 2015, arXiv 1511.04561), as bitsandbytes computes them.
/// </summary>
internal static class Nf4Code
{
    /// <summary>Elements that share a scale.</summary>
    public const int BlockSize = 64;

    /// <summary>Scales that share a scale of their own.</summary>
    public const int NestedBlockSize = 256;

    /// <summary>Steps that [−1, 1] is divided into before the nearest dynamic code is looked up.</summary>
    private const int DynamicSteps = 65536;

    private static readonly float[] s_values =
    [
        -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
    ];

    private static readonly Lazy<float[]> s_dynamic = new(MakeDynamic);
    private static readonly Lazy<byte[]> s_nearestDynamic = new(MakeNearestDynamic);

    /// <summary>The 16 values, ascending.</summary>
    public static IReadOnlyList<float> Values => s_values;

    /// <summary>The 256 values of the dynamic type, ascending.</summary>
    public static IReadOnlyList<float> DynamicValues => s_dynamic.Value;

    /// <summary>Codes of the values nearest to <paramref name="scaled"/>, which lies in [−1, 1]: int32.</summary>
    public static Tensor Nearest(Tensor scaled) => searchsorted(tensor(Midpoints(s_values), device: scaled.device), scaled, out_int32: true);

    /// <summary>Codes of the dynamic values nearest to <paramref name="scaled"/>, which lies in [−1, 1]: uint8. To the last bit as on a CPU, where bitsandbytes rounds to a grid first.</summary>
    public static Tensor NearestDynamic(Tensor scaled)
    {
        Tensor step = scaled.add(1).mul_(0.5f).mul_(DynamicSteps - 1).add_(0.5f).to_type(ScalarType.Int32);
        return tensor(s_nearestDynamic.Value, device: scaled.device).index_select(0, step);
    }

    private static float[] Midpoints(float[] values) => [.. values.Zip(values.Skip(1), (low, high) => (low + high) / 2)];

    /// <summary>bitsandbytes' create_dynamic_map: 7 decades, of which each has twice the fractions of the one below.</summary>
    private static float[] MakeDynamic()
    {
        using DisposeScope scope = NewDisposeScope();
        List<float> values = [0, 1];
        for (int decade = 0; decade < 7; decade++)
        {
            Tensor boundaries = linspace(0.1, 1, (1 << decade) + 1, ScalarType.Float32);
            Tensor means = boundaries.narrow(0, 0, 1 << decade).add(boundaries.narrow(0, 1, 1 << decade)).div_(2).mul_((float)Math.Pow(10, decade - 6));
            foreach (float mean in means.data<float>()) values.AddRange([mean, -mean]);
        }
        return [.. values.Order()];
    }

    private static byte[] MakeNearestDynamic()
    {
        float[] midpoints = Midpoints(s_dynamic.Value);
        var nearest = new byte[DynamicSteps];
        int code = 0;
        for (int step = 0; step < DynamicSteps; step++)
        {
            float value = -1f + 2f * step / (DynamicSteps - 1);
            while (code < midpoints.Length && midpoints[code] < value) code++;
            nearest[step] = (byte)code;
        }
        return nearest;
    }
}
