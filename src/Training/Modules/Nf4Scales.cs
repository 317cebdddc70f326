using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// The scales of an NF4 matrix's blocks: 8-bit codes of what they differ from their mean, in blocks of 256 (double
/// quantisation), or the scales themselves.
/// </summary>
/// <param name="absmax">(blocks,): uint8 codes, or float32 scales when there is no <paramref name="nested"/>.</param>
/// <param name="nested">(blocks / 256,), float32: the scales' own scales.</param>
/// <param name="table">(256,), float32: values of the codes.</param>
/// <param name="offset">What is added to all.</param>
internal sealed class Nf4Scales(Tensor absmax, Tensor? nested, Tensor? table, float offset) : IDisposable
{
    private readonly Tensor _absmax = absmax.DetachFromDisposeScope();
    private readonly Tensor? _nested = nested?.DetachFromDisposeScope();
    private readonly Tensor? _table = table?.DetachFromDisposeScope();

    /// <summary>Codes, or scales.</summary>
    public Tensor Absmax => _absmax;

    /// <summary>Scales of the codes.</summary>
    public Tensor? Nested => _nested;

    /// <summary>What is added to all.</summary>
    public float Offset => offset;

    /// <summary>Bytes they take.</summary>
    public long Bytes => _absmax.numel() * _absmax.ElementSize + 4 * ((_nested?.numel() ?? 0) + (_table?.numel() ?? 0));

    /// <summary>The nearest codes of scales (blocks,), float32.</summary>
    public static Nf4Scales Quantize(Tensor scales)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor mean = scales.mean(), centred = scales - mean;
        long count = scales.shape[0], blocks = (count + Nf4Code.NestedBlockSize - 1) / Nf4Code.NestedBlockSize;
        Tensor padded = zeros([blocks * Nf4Code.NestedBlockSize], device: scales.device);
        padded.narrow(0, 0, count).copy_(centred);
        padded = padded.view(blocks, Nf4Code.NestedBlockSize);
        Tensor largest = padded.abs().amax([1]);
        Tensor scaled = padded.mul_(largest.clamp(min: 1e-38f).reciprocal().unsqueeze(1)).clamp_(-1, 1);
        // A block of zeros has code 0 throughout.
        Tensor codes = Nf4Code.NearestDynamic(scaled.view(-1)).view(blocks, -1).mul_(largest.ne(0).unsqueeze(1)).view(-1).narrow(0, 0, count);
        return new(codes.clone(), largest, tensor([.. Nf4Code.DynamicValues], device: scales.device), mean.item<float>());
    }

    /// <summary>The scales, (blocks,), float32.</summary>
    public Tensor Values()
    {
        if (_nested is null) return _absmax.alias();
        using DisposeScope scope = NewDisposeScope();
        Tensor values = _table!.index_select(0, _absmax.to_type(ScalarType.Int32));
        return values.mul_(_nested.repeat_interleave(Nf4Code.NestedBlockSize).narrow(0, 0, values.shape[0])).add_(offset).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        _absmax.Dispose();
        _nested?.Dispose();
        _table?.Dispose();
    }
}
