using TorchSharp;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

/// <summary>The blocks that architectures besides Llama need, each against its formula as libtorch differentiates it.</summary>
public class FamilyBlockTests
{
    [Fact]
    public void LayerNorm_IsItsFormula()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = PlainAutograd.Normal(1, 12), bias = PlainAutograd.Normal(2, 12);
        var norm = new LayerNorm(weight, bias, 1e-5);
        PlainAutograd.AssertSame([PlainAutograd.Normal(3, 7, 12) * 2 + 1], (tape, x) => norm.Forward(tape, x[0]), x =>
        {
            Tensor centred = x[0] - x[0].mean([-1], keepdim: true);
            return centred / (centred.pow(2).mean([-1], keepdim: true) + 1e-5).sqrt() * weight + bias;
        });
    }

    [Fact]
    public void RmsNormWithAFloat32Scale_RoundsAfterScaling()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = PlainAutograd.Normal(1, 64) + 1, x = PlainAutograd.Normal(2, 5, 64).bfloat16();
        using var tape = new Tape(records: false);

        Tensor actual = new RmsNorm(weight, 1e-6).Forward(tape, tape.Constant(x.clone())).Value;

        Tensor wide = x.@float();
        Assert.Equal(0, Golden.Difference((wide * (wide.pow(2).mean([-1], keepdim: true) + 1e-6).rsqrt() * weight).bfloat16(), actual));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void QueryKeyNorm_LeavesValues(bool overAllHeads)
    {
        using DisposeScope scope = NewDisposeScope();
        using var heads = new AttentionHeads(4, 2, 6);
        Tensor qWeight = PlainAutograd.Normal(1, overAllHeads ? 24 : 6), kWeight = PlainAutograd.Normal(2, overAllHeads ? 12 : 6);
        var norm = new QueryKeyNorm(new(qWeight, 1e-6), new(kWeight, 1e-6), heads);
        PlainAutograd.AssertSame([PlainAutograd.Normal(3, 7, 48)], (tape, x) => norm.Forward(tape, x[0]),
            x => cat([Normed(x[0].narrow(1, 0, 24), qWeight), Normed(x[0].narrow(1, 24, 12), kWeight), x[0].narrow(1, 36, 12)], 1));

        static Tensor Normed(Tensor part, Tensor weight)
        {
            Tensor grouped = part.reshape(7, -1, weight.shape[0]);
            return (grouped * (grouped.pow(2).mean([-1], keepdim: true) + 1e-6).rsqrt() * weight).reshape(7, -1);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gelu_IsItsFormula(bool approximate)
    {
        using DisposeScope scope = NewDisposeScope();
        Gelu gelu = approximate ? Gelu.Tanh : Gelu.Exact;
        Tensor x = PlainAutograd.Normal(1, 6, 10) * 3;
        PlainAutograd.AssertSame([x], (tape, inputs) => gelu.Forward(tape, inputs[0]), inputs => Formula(inputs[0]));
        PlainAutograd.AssertSame([x], (tape, inputs) => gelu.Gate(tape, inputs[0]), inputs => Formula(inputs[0].narrow(1, 0, 5)) * inputs[0].narrow(1, 5, 5));

        Tensor Formula(Tensor t) => approximate
            ? t * 0.5 * (1 + (Math.Sqrt(2 / Math.PI) * (t + 0.044715 * t.pow(3))).tanh())
            : t * 0.5 * (1 + (t / Math.Sqrt(2)).erf());
    }

    [Fact]
    public void ResidualSum_ScalesTheBranch()
    {
        using DisposeScope scope = NewDisposeScope();
        PlainAutograd.AssertSame([PlainAutograd.Normal(1, 4, 5), PlainAutograd.Normal(2, 4, 5)],
            (tape, x) => ResidualSum.Forward(tape, x[0], x[1], 0.22), x => x[0] + x[1] * 0.22);
    }

    [Fact]
    public void ResidualSum_OfAValueWithItself_AddsBothGradients()
    {
        using DisposeScope scope = NewDisposeScope();
        PlainAutograd.AssertSame([PlainAutograd.Normal(1, 4, 5)], (tape, x) => ResidualSum.Forward(tape, x[0], x[0]), x => x[0] * 2);
    }

    [Fact]
    public void HeadwiseQkv_GathersQueriesKeysAndValues()
    {
        using DisposeScope scope = NewDisposeScope();
        using var heads = new AttentionHeads(2, 2, 3);
        long[] order = [0, 1, 2, 9, 10, 11, 3, 4, 5, 12, 13, 14, 6, 7, 8, 15, 16, 17];
        Tensor columns = tensor(order);
        PlainAutograd.AssertSame([PlainAutograd.Normal(1, 4, 18)], (tape, x) => HeadwiseQkv.Forward(tape, heads, x[0]), x => x[0].index_select(1, columns));
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(2, false)]
    [InlineData(1, true)]
    [InlineData(4, false)]
    public void ExpertMixture_SumsTheChosenExperts(int chosen, bool normalizes)
    {
        using DisposeScope scope = NewDisposeScope();
        const int Experts = 4, Hidden = 6, Width = 5;
        Tensor router = PlainAutograd.Normal(1, Experts, Hidden);
        (Tensor GateUp, Tensor Down)[] experts = [.. Enumerable.Range(0, Experts).Select(e => (PlainAutograd.Normal(10 + e, 2 * Width, Hidden), PlainAutograd.Normal(20 + e, Hidden, Width)))];
        var mixture = new ExpertMixture(router, [.. experts.Select(e => ((IFrozenWeight)new DenseWeight(e.GateUp), (IFrozenWeight)new DenseWeight(e.Down)))], chosen, normalizes);
        PlainAutograd.AssertSame([PlainAutograd.Normal(2, 9, Hidden), PlainAutograd.Normal(3, 9, Hidden)], (tape, x) => mixture.Forward(tape, x[0], residual: x[1]), x =>
        {
            Tensor probabilities = nn.functional.linear(x[0], router).softmax(-1);
            Tensor kept = probabilities * probabilities.ge(probabilities.topk(chosen, -1).values.narrow(1, chosen - 1, 1)).@float();
            Tensor weights = normalizes ? kept / kept.sum([-1], keepdim: true) : kept;
            Tensor sum = x[1];
            for (int e = 0; e < Experts; e++)
            {
                Tensor gateUp = nn.functional.linear(x[0], experts[e].GateUp), gate = gateUp.narrow(1, 0, Width);
                sum = sum + nn.functional.linear(gate * gate.sigmoid() * gateUp.narrow(1, Width, Width), experts[e].Down) * weights.narrow(1, e, 1);
            }
            return sum;
        });
    }

    [Fact]
    public void CappedHead_IsItsFormula()
    {
        using DisposeScope scope = NewDisposeScope();
        const double Cap = 1.5;
        Tensor weight = PlainAutograd.Normal(1, 11, 5), hidden = PlainAutograd.Normal(2, 300, 5).requires_grad_();
        Tensor targets = tensor([.. Enumerable.Range(0, 300).Select(i => (long)(i * 7 % 11))]);
        Tensor logits = (nn.functional.linear(hidden, weight) / Cap).tanh() * Cap, logSoftmax = logits.log_softmax(1);
        Tensor expected = logSoftmax.gather(1, targets.unsqueeze(1)).squeeze(1);
        expected.sum().backward();

        using var _ = no_grad();
        using var head = new CompletionHead(new("lm_head", weight), null, Cap);
        (TokenStatistics statistics, Tensor? direction) = head.Forward(hidden.detach(), targets, HeadOutputs.Metrics | HeadOutputs.Gradient, adapter: null);

        PlainAutograd.AssertNear(expected, statistics.LogProbs, "log-probabilities");
        PlainAutograd.AssertNear(hidden.grad!, direction!, "direction");
        PlainAutograd.AssertNear(-(logSoftmax.exp() * logSoftmax).sum(1), statistics.Entropy!, "entropy");
        PlainAutograd.AssertNear(logits.mean([1]), statistics.MeanLogit!, "mean logit");
    }
}
