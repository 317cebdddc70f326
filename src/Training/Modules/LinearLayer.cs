using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>One linear layer of the checkpoint: rows <paramref name="Start"/> to Start + Out of a packed weight.</summary>
/// <param name="Path">Module path in the checkpoint, e.g. <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="Weight">The packed weight.</param>
/// <param name="Start">First output feature within the packed layer.</param>
/// <param name="Out">Output features.</param>
/// <param name="In">Input features.</param>
internal sealed record LinearLayer(string Path, IFrozenWeight Weight, int Start, int Out, int In)
{
    /// <summary>Last part of the path.</summary>
    public string Name => Path[(Path.LastIndexOf('.') + 1)..];

    /// <summary>Whether the checkpoint stores the weight as (in, out), as GPT-2's Conv1D does; PEFT calls it fan_in_fan_out.</summary>
    public bool FanInFanOut { get; init; }

    /// <summary>Its own rows of the weight, (out, in). Ask for them inside a dispose scope.</summary>
    public Tensor Rows() => Weight.Matrix().narrow(0, Start, Out);
}
