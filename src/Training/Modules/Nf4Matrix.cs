using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// A matrix in blocks of 64 NF4 codes, two a byte, each block with a scale; the scales less their mean are 8-bit codes in
/// blocks of 256 with a scale each: 4.127 bits an element. Equal to bitsandbytes' nf4 with double quantisation.
/// </summary>
internal sealed class Nf4Matrix : IDisposable
{
    /// <summary>Elements worked on at a time, a whole number of blocks of scales: what a pass needs beside its result stays small.</summary>
    private const int Slice = 1 << 20;

    private readonly Tensor _codes;
    private readonly Nf4Scales _scales;
    private readonly Tensor _pairs;

    /// <param name="rows">Rows of the matrix.</param>
    /// <param name="columns">Columns of the matrix.</param>
    /// <param name="codes">(rows · columns / 2,), uint8: the first code of a pair in the upper half. Owned from now on.</param>
    /// <param name="scales">The blocks' scales, owned from now on.</param>
    public Nf4Matrix(long rows, long columns, Tensor codes, Nf4Scales scales)
    {
        (Rows, Columns, _codes, _scales) = (rows, columns, codes.DetachFromDisposeScope(), scales);
        _pairs = tensor([.. Enumerable.Range(0, 256).SelectMany(b => new[] { Nf4Code.Values[b >> 4], Nf4Code.Values[b & 15] })], [256, 2], device: codes.device).DetachFromDisposeScope();
    }

    /// <summary>Rows of the matrix.</summary>
    public long Rows { get; }

    /// <summary>Columns of the matrix.</summary>
    public long Columns { get; }

    /// <summary>Bytes it takes.</summary>
    public long Bytes => _codes.numel() + _scales.Bytes + _pairs.numel() * 4;

    /// <summary>Codes as they are kept, two a byte.</summary>
    public Tensor Codes => _codes;

    /// <summary>The blocks' scales.</summary>
    public Nf4Scales Scales => _scales;

    /// <summary>The nearest codes of a matrix.</summary>
    public static Nf4Matrix Quantize(Tensor matrix)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor flat = matrix.contiguous().view(-1);
        long count = flat.shape[0], whole = count - count % Nf4Code.BlockSize;
        Tensor codes = empty([(count + 1) / 2], ScalarType.Byte, matrix.device);
        Tensor largest = empty([(count + Nf4Code.BlockSize - 1) / Nf4Code.BlockSize], ScalarType.Float32, matrix.device);
        for (long start = 0; start < whole; start += Slice)
        {
            using DisposeScope inner = NewDisposeScope();
            long n = Math.Min(Slice, whole - start);
            Tensor blocks = flat.narrow(0, start, n).to_type(ScalarType.Float32).view(-1, Nf4Code.BlockSize), max = blocks.abs().amax([1]);
            Pack(blocks * max.clamp(min: 1e-38f).reciprocal().unsqueeze(1), codes.narrow(0, start / 2, n / 2));
            largest.narrow(0, start / Nf4Code.BlockSize, n / Nf4Code.BlockSize).copy_(max);
        }
        if (whole < count)
        {
            Tensor rest = flat.narrow(0, whole, count - whole).to_type(ScalarType.Float32), max = rest.abs().max().clamp(min: 1e-38f);
            Tensor scaled = rest / max;
            Pack(count % 2 == 0 ? scaled : cat([scaled, zeros([1], device: scaled.device)]), codes.narrow(0, whole / 2, (count - whole + 1) / 2));
            largest.narrow(0, largest.shape[0] - 1, 1).copy_(max);
        }
        return new(matrix.shape[0], matrix.shape[1], codes, Nf4Scales.Quantize(largest));
    }

    /// <summary>Writes the values into a contiguous (rows, columns) of any floating-point type.</summary>
    public void DequantizeInto(Tensor destination)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor flat = destination.view(-1), scales = _scales.Values();
        long count = flat.shape[0];
        for (long start = 0; start < count; start += Slice)
        {
            using DisposeScope inner = NewDisposeScope();
            long n = Math.Min(Slice, count - start), whole = n / Nf4Code.BlockSize, first = start / Nf4Code.BlockSize;
            Tensor values = _pairs.index_select(0, _codes.narrow(0, start / 2, (n + 1) / 2).to_type(ScalarType.Int32)).view(-1);
            values.narrow(0, 0, whole * Nf4Code.BlockSize).view(-1, Nf4Code.BlockSize).mul_(scales.narrow(0, first, whole).unsqueeze(1));
            if (n % Nf4Code.BlockSize is > 0 and var rest) values.narrow(0, n - rest, rest).mul_(scales.narrow(0, first + whole, 1));
            flat.narrow(0, start, n).copy_(values.narrow(0, 0, n));
        }
    }

    public void Dispose()
    {
        _codes.Dispose();
        _pairs.Dispose();
        _scales.Dispose();
    }

    private static void Pack(Tensor scaled, Tensor codes)
    {
        Tensor pairs = Nf4Code.Nearest(scaled.clamp_(-1, 1).view(-1)).view(-1, 2);
        codes.copy_(pairs.select(1, 0).mul(16).add_(pairs.select(1, 1)));
    }
}
