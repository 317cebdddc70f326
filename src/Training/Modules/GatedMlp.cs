using TrainingService.Training.Adapters;

namespace TrainingService.Training.Modules;

/// <summary>A gated feed-forward layer (Shazeer, 2020, arXiv 2002.05202).</summary>
/// <param name="gateUp">(tokens, hidden) → (tokens, 2 · width).</param>
/// <param name="gate">(tokens, 2 · width) → (tokens, width).</param>
/// <param name="down">(tokens, width) → (tokens, hidden).</param>
internal sealed class GatedMlp(PackedLinear gateUp, Func<Tape, Activation, Activation> gate, PackedLinear down)
{
    /// <summary>(tokens, hidden) → (tokens, hidden), plus <paramref name="residual"/> when given.</summary>
    public Activation Forward(Tape tape, Activation x, LoraAdapter? adapter, Activation? residual = null) =>
        down.Forward(tape, gate(tape, gateUp.Forward(tape, x, adapter)), adapter, residual);
}
