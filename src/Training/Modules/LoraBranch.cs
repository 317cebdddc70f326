using TorchSharp;
using TrainingService.Training.Adapters;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// One adapter's share of a packed layer: own columns += (x Aᵀ)(scaling · B)ᵀ; with DoRA (Liu et al., 2024, arXiv
/// 2402.09353) the layer's product and that sum together are scaled row by row to the trained magnitude, and the norm they
/// are divided by counts as a constant, as in the paper and in PEFT.
/// </summary>
internal sealed class LoraBranch
{
    private readonly LoraLayer _lora;
    private readonly Tensor _down;
    private readonly Tensor _scaledUp;
    private readonly Tensor _low;
    private readonly Tensor? _mask;
    private readonly MagnitudeShare? _magnitude;

    /// <summary>Runs the branch forward, which changes its own columns of <paramref name="output"/>.</summary>
    /// <param name="lora">The pair.</param>
    /// <param name="noise">Drops inputs.</param>
    /// <param name="input">(tokens, in).</param>
    /// <param name="output">(tokens, packed out): with DoRA, the frozen product alone.</param>
    /// <param name="weight">(packed out, in): the frozen weight.</param>
    public LoraBranch(LoraLayer lora, AdapterNoise noise, Tensor input, Tensor output, Tensor weight)
    {
        _lora = lora;
        _down = lora.Down().to(input.dtype, copy: true);
        _scaledUp = (lora.Up() * lora.Scaling).to_type(input.dtype);
        _mask = noise.DropoutMask(input);
        Tensor dropped = _mask is null ? input : input * _mask;
        _low = nn.functional.linear(dropped, _down);
        Tensor own = Columns(output);
        if (lora.Magnitude is not { } magnitude)
        {
            own.addmm_(_low, _scaledUp.t());
            return;
        }
        // The product with the dropped input is scaled; that with the whole one stays beside it.
        Tensor product = _mask is null ? own.clone() : dropped.mm(Rows(weight).t());
        own.sub_(product);
        product.addmm_(_low, _scaledUp.t());
        Tensor norm = lora.WeightNorm(), scale = (magnitude / norm).to_type(input.dtype);
        own.addcmul_(product, scale, 1);
        _magnitude = new(product, scale, norm.alias());
    }

    /// <summary>Whether gradients of the pair are wanted.</summary>
    public bool Trains => _lora.Trains;

    /// <summary>What the backward pass needs.</summary>
    public IEnumerable<Tensor> Saved =>
        new[] { _down, _scaledUp, _low, _mask, _magnitude?.Product, _magnitude?.Scale, _magnitude?.Norm }.OfType<Tensor>();

    /// <summary>Turns the output's gradient into that of the frozen product, in place; with dropout the product itself is not scaled.</summary>
    public void ScaleProductGradient(Tensor gradient)
    {
        if (_magnitude is not null && _mask is null) Columns(gradient).mul_(_magnitude.Scale);
    }

    /// <summary>Whether <see cref="ScaleProductGradient"/> changes anything.</summary>
    public bool ScalesProduct => _magnitude is not null && _mask is null;

    /// <summary>Adds up the gradients of the pair and of its input.</summary>
    /// <param name="gradient">The output's, (tokens, packed out).</param>
    /// <param name="input">(tokens, in); needed when the pair trains.</param>
    /// <param name="inputGradient">The input's, (tokens, in), to add to; null when it is not wanted.</param>
    /// <param name="weight">(packed out, in): the frozen weight; needed when the input's gradient is wanted.</param>
    public void Backward(Tensor gradient, Tensor? input, Tensor? inputGradient, Tensor? weight)
    {
        Tensor own = Columns(gradient), scaled = _magnitude is null ? own : own * _magnitude.Scale;
        Tensor lowGradient = scaled.mm(_scaledUp);
        if (_lora is { AGradient: { } aGradient, BGradient: { } bGradient })
        {
            bGradient.add_(scaled.t().mm(_low.narrow(1, 0, _lora.Rank)).to_type(ScalarType.Float32), _lora.Scaling);
            Tensor dropped = _mask is null ? input! : input! * _mask;
            aGradient.add_(lowGradient.narrow(1, 0, _lora.Rank).t().mm(dropped).to_type(ScalarType.Float32));
            if (_magnitude is not null) _lora.MagnitudeGradient!.add_((own * _magnitude.Product).sum(0, type: ScalarType.Float32).div_(_magnitude.Norm));
        }
        if (inputGradient is null) return;
        if (_mask is null)
        {
            inputGradient.addmm_(lowGradient, _down);
            return;
        }
        Tensor throughMask = lowGradient.mm(_down);
        if (_magnitude is not null) throughMask.addmm_(scaled - own, Rows(weight!));
        inputGradient.add_(throughMask.mul_(_mask));
    }

    private Tensor Columns(Tensor packed) => packed.narrow(1, _lora.Layer.Start, _lora.Layer.Out);

    private Tensor Rows(Tensor weight) => weight.narrow(0, _lora.Layer.Start, _lora.Layer.Out);

    /// <summary>What DoRA keeps: the product before its scaling (tokens, out), the scaling (out,), and the norm it divides by (out,).</summary>
    private sealed record MagnitudeShare(Tensor Product, Tensor Scale, Tensor Norm);
}
