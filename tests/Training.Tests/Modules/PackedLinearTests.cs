using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

public class PackedLinearTests
{
    private const int In = 8;
    private static readonly DenseWeight s_weight = new(PlainAutograd.Normal(1, 14, In).DetachFromDisposeScope());
    private static readonly LinearLayer[] s_layers = [new("q_proj", s_weight, 0, 6, In), new("k_proj", s_weight, 6, 4, In), new("v_proj", s_weight, 10, 4, In)];

    [Theory]
    [InlineData(false, false, 0)]
    [InlineData(true, false, 0)]
    [InlineData(false, true, 0)]
    [InlineData(true, true, 0.4)]
    [InlineData(false, false, 0, true)]
    [InlineData(true, true, 0, true)]
    [InlineData(true, true, 0.4, true)]
    [InlineData(true, true, 0, false, true)]
    [InlineData(false, true, 0.4, true, true)]
    public void LinearWithAdapter_IsItsFormula(bool hasBias, bool hasResidual, double dropout, bool dora = false, bool pissa = false)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = s_weight.Matrix();
        Tensor? bias = hasBias ? PlainAutograd.Normal(2, 14) : null;
        using LoraAdapter adapter = Adapter(dropout, dora, pissa);
        (Tensor A, Tensor B, Tensor Magnitude)[] leaves = [.. adapter.Layers.Select(l =>
            (l.A.clone().requires_grad_(), l.B.clone().requires_grad_(), (l.Magnitude ?? ones(l.Layer.Out)).clone().requires_grad_()))];
        (Tensor A, Tensor B)[] starts = [.. adapter.Layers.Select(l => l.Start ?? (zeros_like(l.A), zeros_like(l.B)))];
        Tensor input = PlainAutograd.Normal(3, 9, In), residual = PlainAutograd.Normal(4, 9, 14);
        // The same seed draws the same masks, in the order of the layers.
        adapter.Noise.Begin(7, embeddingAlpha: null);
        Tensor[] masks = [.. adapter.Layers.Select(_ => adapter.Noise.DropoutMask(input) ?? ones_like(input))];
        if (dropout > 0) Assert.Contains(0f, masks[0].data<float>());
        adapter.Noise.Begin(7, embeddingAlpha: null);
        var linear = new PackedLinear(s_weight, bias, s_layers);

        PlainAutograd.AssertSame(hasResidual ? [input, residual] : [input],
            (tape, x) => linear.Forward(tape, x[0], adapter, hasResidual ? x[1] : null),
            x =>
            {
                Tensor frozen = x[0].mm(weight.t());
                if (bias is not null) frozen += bias;
                if (hasResidual) frozen += x[1];
                return frozen + cat([Delta(0, weight.narrow(0, 0, 6)), zeros(9, 4), Delta(1, weight.narrow(0, 10, 4))], 1);

                Tensor Delta(int i, Tensor rows)
                {
                    Tensor change = 2 * (leaves[i].B.mm(leaves[i].A) - starts[i].B.mm(starts[i].A)), dropped = x[0] * masks[i];
                    if (!dora) return dropped.mm(change.t());
                    // PEFT: (m / ‖W + ΔW‖ − 1) · W x + m / ‖W + ΔW‖ · ΔW x, the norm a constant.
                    Tensor scale = leaves[i].Magnitude / linalg.norm(rows + change, dims: [1]).detach();
                    return (scale - 1) * dropped.mm(rows.t()) + scale * dropped.mm(change.t());
                }
            },
            [.. adapter.Layers.SelectMany((l, i) => new[] { (leaves[i].A, l.AGradient!), (leaves[i].B, l.BGradient!) }.Concat(dora ? [(leaves[i].Magnitude, l.MagnitudeGradient!)] : []))]);
    }

    [Fact]
    public void FreshMagnitude_ChangesNothing()
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        using var adapter = new LoraAdapter(new() { Rank = 3, UseDora = true }, new(s_layers, [], CPU), trains: true);
        adapter.Initialize(1);
        using var tape = new Tape(records: false);
        Tensor input = PlainAutograd.Normal(3, 9, In);

        Tensor output = new PackedLinear(s_weight, null, s_layers).Forward(tape, tape.Constant(input), adapter).Value;

        PlainAutograd.AssertNear(input.mm(s_weight.Matrix().t()), output, "output", 1e-6);
    }

    [Fact]
    public void LowestLayer_TrainsWithoutAGradientOfItsInput()
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        using LoraAdapter adapter = Adapter(0);
        using var tape = new Tape(records: true);
        Activation input = tape.Constant(PlainAutograd.Normal(3, 9, In));

        Activation output = new PackedLinear(s_weight, null, s_layers).Forward(tape, input, adapter);
        tape.EndLayer(output);
        tape.Backward(output, ones(9, 14));

        Assert.All(adapter.Layers, l => Assert.True(l.AGradient!.abs().max().item<float>() > 0));
        Assert.Null(input.TakeGradient(scope));
    }

    [Fact]
    public void FrozenPass_RecordsNothing()
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        using var tape = new Tape(records: true);
        Activation output = new PackedLinear(s_weight, null, s_layers).Forward(tape, tape.Constant(ones(2, In)), adapter: null);
        Assert.False(output.RequiresGradient);
    }

    private static LoraAdapter Adapter(double dropout, bool dora = false, bool pissa = false)
    {
        using var _ = no_grad();
        // alpha / rank = 2
        var adapter = new LoraAdapter(
            new() { Rank = 3, Alpha = 6, Dropout = dropout, UseDora = dora, Initialization = pissa ? LoraInitialization.Pissa : LoraInitialization.Uniform },
            new(s_layers, [], CPU), trains: true);
        adapter.Parameters.copy_(PlainAutograd.Normal(5, adapter.Parameters.shape));
        adapter.Start?.copy_(PlainAutograd.Normal(6, adapter.Start.shape));
        return adapter;
    }
}
