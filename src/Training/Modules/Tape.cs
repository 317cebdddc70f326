using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// Records the blocks of a forward pass so that their hand-written backward passes run in reverse. An architecture is then
/// forward code alone, the memory between the passes is what the blocks keep, and an error in a backward pass is an
/// ordinary exception (libtorch's own engine aborts the process when managed code throws inside it).
/// See docs/decisions/0003-tape.md.
/// </summary>
/// <param name="records">False for passes without gradients: nothing is kept.</param>
internal sealed class Tape(bool records) : IDisposable
{
    private readonly Stack<Block> _blocks = new();
    private readonly List<Activation> _activations = [];
    private int _released;

    /// <summary>An activation that nothing trained lies below, such as an embedding.</summary>
    public Activation Constant(Tensor value) => Own(new Activation(value, requiresGradient: false));

    /// <summary>Records a block's output.</summary>
    /// <param name="value">The output.</param>
    /// <param name="requiresGradient">Whether the block trains something or an input of it requires a gradient.</param>
    /// <param name="backward">Takes the output's gradient, accumulates those of the inputs and of what the block trains. Runs in a dispose scope of its own.</param>
    /// <param name="recompute">Computes the output again, or null when it must be kept to be used.</param>
    /// <param name="keeps">Inputs whose values <paramref name="backward"/> or <paramref name="recompute"/> uses.</param>
    /// <param name="saves">Other tensors that they use, such as a norm's statistics; freed after the block's backward pass.</param>
    public Activation Record(Tensor value, bool requiresGradient, Action<Tensor> backward, Func<Tensor>? recompute = null,
        ReadOnlySpan<Activation> keeps = default, params ReadOnlySpan<Tensor> saves)
    {
        bool recorded = records && requiresGradient;
        Activation output = Own(new Activation(value, recorded, recorded ? recompute : null));
        if (!recorded) return output;
        foreach (Activation kept in keeps) kept.Keep();
        foreach (Tensor saved in saves) saved.DetachFromDisposeScope();
        _blocks.Push(new(output, backward, saves.ToArray()));
        return output;
    }

    /// <summary>Ends a layer: frees every value since the last call that no backward pass needs, except the layer's output.</summary>
    public void EndLayer(Activation output)
    {
        for (int i = _released; i < _activations.Count; i++)
            if (_activations[i] != output)
                _activations[i].Release();
        // The output is looked at again when the next layer ends.
        _released = Math.Max(0, _activations.IndexOf(output, Math.Max(0, _released - 1)));
    }

    /// <summary>Runs the backward passes of all blocks, the last first, from the gradient of the last output. What they kept is freed on the way.</summary>
    public void Backward(Activation output, Tensor gradient)
    {
        output.Accumulate(gradient);
        while (_blocks.TryPop(out Block? block))
        {
            using DisposeScope scope = NewDisposeScope();
            if (block.Output.TakeGradient(scope) is { } arrived) block.Backward(arrived);
            block.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (Block block in _blocks) block.Dispose();
        foreach (Activation activation in _activations) activation.Dispose();
        _blocks.Clear();
        _activations.Clear();
    }

    private Activation Own(Activation activation)
    {
        _activations.Add(activation);
        return activation;
    }

    private sealed record Block(Activation Output, Action<Tensor> Backward, Tensor[] Saved) : IDisposable
    {
        public void Dispose()
        {
            Output.Dispose();
            foreach (Tensor saved in Saved) saved.Dispose();
        }
    }
}
