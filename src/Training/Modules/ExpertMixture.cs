using TorchSharp;
using TrainingService.Training.Native;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// A mixture of gated feed-forward experts (Shazeer et al., 2017, arXiv 1701.06538): each token goes to the experts that the
/// router finds most probable. Experts and router are frozen; gradients pass through both to the tokens.
/// </summary>
/// <param name="router">(experts, hidden).</param>
/// <param name="experts">Each expert's gate and up, (2 · width, hidden), and down, (hidden, width).</param>
/// <param name="chosen">Experts a token goes to.</param>
/// <param name="normalizes">Whether the chosen experts' probabilities are made to sum to 1.</param>
internal sealed class ExpertMixture(Tensor router, IReadOnlyList<(IFrozenWeight GateUp, IFrozenWeight Down)> experts, int chosen, bool normalizes)
{
    /// <summary>(tokens, hidden) → (tokens, hidden), plus <paramref name="residual"/> (tokens, hidden).</summary>
    public Activation Forward(Tape tape, Activation x, Activation residual)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor input = x.Value, output = residual.Value.clone();
        Tensor probabilities = nn.functional.linear(input, router).softmax(-1, ScalarType.Float32);
        (Tensor top, Tensor index) = probabilities.topk(chosen, -1);
        Tensor weights = normalizes ? top / top.sum([-1], keepdim: true) : top;
        List<Share> shares = [];
        // Each expert's slots side by side, and how many they are read at once: a GPU is waited for once a layer, not once an expert.
        Tensor bySlot = index.view(-1), order = bySlot.sort(0, descending: false, stable: true).Indices;
        long[] counts = [.. bySlot.bincount(null, experts.Count).cpu().data<long>()];
        long first = 0;
        for (int i = 0; i < experts.Count; first += counts[i++])
        {
            if (counts[i] == 0) continue;
            using DisposeScope inner = NewDisposeScope();
            Tensor slots = order.narrow(0, first, counts[i]);
            Tensor rows = slots.div(chosen, RoundingMode.floor);
            Tensor gateUp = nn.functional.linear(input.index_select(0, rows), experts[i].GateUp.Matrix());
            Tensor own = weights.view(-1).index_select(0, slots).to_type(input.dtype).unsqueeze(1);
            output.index_add_(0, rows, nn.functional.linear(GatedSilu.Gated(gateUp), experts[i].Down.Matrix()).mul_(own), 1);
            shares.Add(new(i, slots.MoveToOuterDisposeScope(), rows.MoveToOuterDisposeScope(), gateUp.MoveToOuterDisposeScope()));
        }
        return tape.Record(output, x.RequiresGradient || residual.RequiresGradient, gradient =>
        {
            if (x.RequiresGradient) x.Accumulate(Backward(gradient, probabilities, index, weights, shares));
            if (residual.RequiresGradient) residual.Accumulate(gradient);
        }, null, [], [probabilities, index, weights, .. shares.SelectMany(s => new[] { s.Slots, s.Rows, s.GateUp })]);
    }

    private Tensor Backward(Tensor gradient, Tensor probabilities, Tensor index, Tensor weights, List<Share> shares)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor result = zeros_like(gradient), weightGradient = zeros_like(weights);
        foreach (Share share in shares)
        {
            using DisposeScope inner = NewDisposeScope();
            (IFrozenWeight gateUp, IFrozenWeight down) = experts[share.Expert];
            Tensor gatedGradient = gradient.index_select(0, share.Rows).mm(down.Matrix());
            // ⟨gradient, down · gated⟩ = ⟨downᵀ · gradient, gated⟩: the expert's output is not needed again.
            Tensor product = (gatedGradient * GatedSilu.Gated(share.GateUp)).sum(1, type: ScalarType.Float32);
            weightGradient.view(-1).index_add_(0, share.Slots, product, 1);
            gatedGradient.mul_(weights.view(-1).index_select(0, share.Slots).to_type(gradient.dtype).unsqueeze(1));
            result.index_add_(0, share.Rows, AtenOperators.GatedSiluBackward(gatedGradient, share.GateUp).mm(gateUp.Matrix()), 1);
        }
        if (normalizes)
        {
            Tensor sum = probabilities.gather(1, index).sum([-1], keepdim: true);
            weightGradient = (weightGradient - (weightGradient * weights).sum([-1], keepdim: true)).div_(sum);
        }
        Tensor logits = AtenOperators.SoftmaxBackward(zeros_like(probabilities).scatter_(1, index, weightGradient), probabilities);
        return result.add_(logits.to_type(gradient.dtype).mm(router)).MoveToOuterDisposeScope();
    }

    /// <summary>The tokens of one expert: their slots in (tokens · chosen), their rows, and gate and up.</summary>
    private sealed record Share(int Expert, Tensor Slots, Tensor Rows, Tensor GateUp);
}
