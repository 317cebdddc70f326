using TorchSharp;
using TrainingService.Training.Adapters;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>One linear layer of the checkpoint: rows <paramref name="Start"/> to Start + Out of a packed weight.</summary>
/// <param name="Path">Module path in the checkpoint, e.g. <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="Start">First output feature within the packed layer.</param>
/// <param name="Out">Output features.</param>
/// <param name="In">Input features.</param>
public sealed record LinearLayer(string Path, int Start, int Out, int In)
{
    /// <summary>Whether the checkpoint stores the weight as (in, out), as GPT-2's Conv1D does; PEFT calls it fan_in_fan_out.</summary>
    public bool FanInFanOut { get; init; }
}

/// <summary>
/// Frozen linear layers that share their input, such as q, k and v, as one matrix product, each with an optional
/// low-rank adapter. Frozen weights get no gradients.
/// </summary>
/// <param name="weight">(out, in): the layers' weights one below the other.</param>
/// <param name="bias">(out,), or null.</param>
/// <param name="layers">The layers, in the order of their rows.</param>
internal sealed class PackedLinear(IFrozenWeight weight, Tensor? bias, IReadOnlyList<LinearLayer> layers)
{
    /// <summary>The checkpoint's layers within this one.</summary>
    public IReadOnlyList<LinearLayer> Layers => layers;

    /// <summary>(tokens, in) → (tokens, out), plus <paramref name="residual"/> (tokens, out) when given.</summary>
    public Activation Forward(Tape tape, Activation x, LoraAdapter? adapter, Activation? residual = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor input = x.Value;
        Tensor output = Project(input, residual?.Value);
        List<LoraBranch> branches = [];
        foreach (LinearLayer layer in layers)
            if (adapter?.Find(layer) is { } lora)
                branches.Add(LoraBranch.Forward(layer, lora, adapter, input, output));

        bool trains = branches.Any(b => b.Lora.Trains);
        bool requiresGradient = x.RequiresGradient || trains || residual is { RequiresGradient: true };
        return tape.Record(output, requiresGradient, gradient => Backward(gradient, x, residual, branches), null,
            trains ? [x] : [], [.. branches.SelectMany(b => b.Saved)]);
    }

    private Tensor Project(Tensor input, Tensor? residual)
    {
        if (residual is null) return nn.functional.linear(input, weight.Matrix(), bias);
        Tensor output = addmm(residual, input, weight.Matrix().t(), 1, 1);
        return bias is null ? output : output.add_(bias);
    }

    private void Backward(Tensor gradient, Activation x, Activation? residual, List<LoraBranch> branches)
    {
        Tensor? input = branches.Any(b => b.Lora.Trains) ? x.Value : null;
        Tensor? inputGradient = x.RequiresGradient ? gradient.mm(weight.Matrix()) : null;
        foreach (LoraBranch branch in branches) branch.Backward(gradient, input, inputGradient);
        if (inputGradient is not null) x.Accumulate(inputGradient);
        if (residual is { RequiresGradient: true }) residual.Accumulate(gradient);
    }

    /// <summary>One adapter's share: output += (x Aᵀ)(scaling · B)ᵀ.</summary>
    private sealed record LoraBranch(LinearLayer Layer, LoraLayer Lora, Tensor A, Tensor ScaledB, Tensor Low, Tensor? Mask)
    {
        /// <summary>What the backward pass needs.</summary>
        public IEnumerable<Tensor> Saved => Mask is null ? [A, ScaledB, Low] : [A, ScaledB, Low, Mask];

        public static LoraBranch Forward(LinearLayer layer, LoraLayer lora, LoraAdapter adapter, Tensor input, Tensor output)
        {
            Tensor a = lora.A.to(input.dtype, copy: true), scaledB = (lora.B * lora.Scaling).to_type(input.dtype);
            Tensor? mask = adapter.DropoutMask(input);
            Tensor low = nn.functional.linear(mask is null ? input : input * mask, a);
            output.narrow(1, layer.Start, layer.Out).addmm_(low, scaledB.t());
            return new(layer, lora, a, scaledB, low, mask);
        }

        public void Backward(Tensor gradient, Tensor? input, Tensor? inputGradient)
        {
            Tensor own = gradient.narrow(1, Layer.Start, Layer.Out);
            Tensor lowGradient = own.mm(ScaledB);
            if (Lora is { AGradient: { } aGradient, BGradient: { } bGradient })
            {
                bGradient.add_(own.t().mm(Low).to_type(ScalarType.Float32), Lora.Scaling);
                Tensor dropped = Mask is null ? input! : input! * Mask;
                aGradient.add_(lowGradient.t().mm(dropped).to_type(ScalarType.Float32));
            }
            if (inputGradient is null) return;
            if (Mask is null) inputGradient.addmm_(lowGradient, A);
            else inputGradient.add_(lowGradient.mm(A).mul_(Mask));
        }
    }
}
