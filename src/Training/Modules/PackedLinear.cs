using TorchSharp;
using TrainingService.Training.Adapters;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// Frozen linear layers that share their input, such as q, k and v, as one matrix product, each with an optional
/// low-rank adapter. Frozen weights get no gradients.
/// </summary>
/// <param name="weight">(out, in): the layers' weights one below the other.</param>
/// <param name="bias">(out,), or null.</param>
/// <param name="layers">The layers, in the order of their rows.</param>
internal sealed class PackedLinear(IFrozenWeight weight, Tensor? bias, IReadOnlyList<LinearLayer> layers)
{
    /// <summary>(tokens, in) → (tokens, out), plus <paramref name="residual"/> (tokens, out) when given.</summary>
    public Activation Forward(Tape tape, Activation x, LoraAdapter? adapter, Activation? residual = null)
    {
        using DisposeScope scope = NewDisposeScope();
        LoraLayer[] adapted = adapter is null ? [] : [.. layers.Select(adapter.Find).OfType<LoraLayer>()];
        // DoRA scales the product of the weight alone: bias and residual come after it.
        bool later = adapted.Any(l => l.Magnitude is not null);
        Tensor input = x.Value, matrix = weight.Matrix();
        Tensor output = later ? nn.functional.linear(input, matrix) : Project(input, matrix, residual?.Value);
        LoraBranch[] branches = [.. adapted.Select(l => new LoraBranch(l, adapter!.Noise, input, output, matrix))];
        if (later && bias is not null) output.add_(bias);
        if (later && residual is not null) output.add_(residual.Value);

        bool trains = branches.Any(b => b.Trains);
        bool requiresGradient = x.RequiresGradient || trains || residual is { RequiresGradient: true };
        return tape.Record(output, requiresGradient, gradient => Backward(gradient, x, residual, branches), null,
            trains ? [x] : [], [.. branches.SelectMany(b => b.Saved)]);
    }

    private Tensor Project(Tensor input, Tensor matrix, Tensor? residual)
    {
        if (residual is null) return nn.functional.linear(input, matrix, bias);
        Tensor output = addmm(residual, input, matrix.t(), 1, 1);
        return bias is null ? output : output.add_(bias);
    }

    private void Backward(Tensor gradient, Activation x, Activation? residual, LoraBranch[] branches)
    {
        Tensor? input = branches.Any(b => b.Trains) ? x.Value : null;
        Tensor? matrix = x.RequiresGradient ? weight.Matrix() : null;
        Tensor? inputGradient = matrix is null ? null : ProductGradient(gradient, branches).mm(matrix);
        foreach (LoraBranch branch in branches) branch.Backward(gradient, input, inputGradient, matrix);
        if (inputGradient is not null) x.Accumulate(inputGradient);
        if (residual is { RequiresGradient: true }) residual.Accumulate(gradient);
    }

    private static Tensor ProductGradient(Tensor gradient, LoraBranch[] branches)
    {
        if (!branches.Any(b => b.ScalesProduct)) return gradient;
        Tensor scaled = gradient.clone();
        foreach (LoraBranch branch in branches) branch.ScaleProductGradient(scaled);
        return scaled;
    }
}
