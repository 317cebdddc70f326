using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

public class PackedLinearTests
{
    private const int In = 8;
    private static readonly LinearLayer[] s_layers = [new("q_proj", 0, 6, In), new("k_proj", 6, 4, In), new("v_proj", 10, 4, In)];

    [Theory]
    [InlineData(false, false, 0)]
    [InlineData(true, false, 0)]
    [InlineData(false, true, 0)]
    [InlineData(true, true, 0.4)]
    public void LinearWithAdapter_IsItsFormula(bool hasBias, bool hasResidual, double dropout)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = PlainAutograd.Normal(1, 14, In);
        Tensor? bias = hasBias ? PlainAutograd.Normal(2, 14) : null;
        using LoraAdapter adapter = Adapter(dropout);
        (Tensor A, Tensor B)[] leaves = [.. adapter.Layers.Select(l => (l.A.clone().requires_grad_(), l.B.clone().requires_grad_()))];
        Tensor input = PlainAutograd.Normal(3, 9, In), residual = PlainAutograd.Normal(4, 9, 14);
        // The same seed draws the same masks, in the order of the layers.
        adapter.SeedDropout(7);
        Tensor[] masks = [.. adapter.Layers.Select(_ => adapter.DropoutMask(input) ?? ones_like(input))];
        if (dropout > 0) Assert.Contains(0f, masks[0].data<float>());
        adapter.SeedDropout(7);
        var linear = new PackedLinear(new DenseWeight(weight), bias, s_layers);

        PlainAutograd.AssertSame(hasResidual ? [input, residual] : [input],
            (tape, x) => linear.Forward(tape, x[0], adapter, hasResidual ? x[1] : null),
            x =>
            {
                Tensor frozen = x[0].mm(weight.t());
                if (bias is not null) frozen += bias;
                if (hasResidual) frozen += x[1];
                return frozen + cat([Delta(0), zeros(9, 4), Delta(1)], 1);

                Tensor Delta(int i) => (x[0] * masks[i]).mm(leaves[i].A.t()).mm(leaves[i].B.t()) * 2;
            },
            [.. adapter.Layers.SelectMany((l, i) => new[] { (leaves[i].A, l.AGradient!), (leaves[i].B, l.BGradient!) })]);
    }

    [Fact]
    public void LowestLayer_TrainsWithoutAGradientOfItsInput()
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        using LoraAdapter adapter = Adapter(0);
        using var tape = new Tape(records: true);
        Activation input = tape.Constant(PlainAutograd.Normal(3, 9, In));

        Activation output = new PackedLinear(new DenseWeight(PlainAutograd.Normal(1, 14, In)), null, s_layers).Forward(tape, input, adapter);
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
        Activation output = new PackedLinear(new DenseWeight(PlainAutograd.Normal(1, 14, In)), null, s_layers).Forward(tape, tape.Constant(ones(2, In)), adapter: null);
        Assert.False(output.RequiresGradient);
    }

    private static LoraAdapter Adapter(double dropout)
    {
        using var _ = no_grad();
        // alpha / rank = 2
        var adapter = new LoraAdapter(new() { Rank = 3, Alpha = 6, Dropout = dropout }, s_layers, CPU, trains: true);
        adapter.Parameters.copy_(PlainAutograd.Normal(5, adapter.Parameters.shape));
        return adapter;
    }
}
