using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>
/// A value of the forward pass and, in the backward pass, its gradient. The value goes when its layer ends unless a block
/// keeps it for its backward pass; one that is cheap to compute again is not kept but computed again.
/// </summary>
internal sealed class Activation : IDisposable
{
    private readonly Func<Tensor>? _recompute;
    private Tensor? _value;
    private Tensor? _gradient;

    /// <param name="value">The value; the activation owns it from now on.</param>
    /// <param name="requiresGradient">Whether anything that is trained lies below.</param>
    /// <param name="recompute">Computes the value again from what other activations keep, or null.</param>
    public Activation(Tensor value, bool requiresGradient, Func<Tensor>? recompute = null)
    {
        _value = value.DetachFromDisposeScope();
        RequiresGradient = requiresGradient;
        _recompute = recompute;
    }

    /// <summary>Whether anything that is trained lies below, so that a gradient is of use.</summary>
    public bool RequiresGradient { get; }

    /// <summary>Whether a block's backward pass needs the value.</summary>
    public bool IsKept { get; private set; }

    /// <summary>The value; computed again, into the current dispose scope, when it is gone.</summary>
    public Tensor Value => _value ?? _recompute?.Invoke() ?? throw new ObjectDisposedException(nameof(Activation), "The value was released though a backward pass needs it: the block must Keep() it.");

    /// <summary>Says that a backward pass needs the value.</summary>
    public void Keep() => IsKept = IsKept || _recompute is null;

    /// <summary>Frees the value unless it is kept.</summary>
    public void Release()
    {
        if (IsKept) return;
        _value?.Dispose();
        _value = null;
    }

    /// <summary>Adds a gradient, which this activation owns from now on.</summary>
    public void Accumulate(Tensor gradient)
    {
        if (_gradient is null)
        {
            _gradient = gradient.DetachFromDisposeScope();
            return;
        }
        _gradient.add_(gradient);
        gradient.Dispose();
    }

    /// <summary>Hands out the gradient, which the caller's dispose scope owns from now on; null when none arrived.</summary>
    public Tensor? TakeGradient(DisposeScope scope)
    {
        Tensor? gradient = _gradient;
        _gradient = null;
        return gradient?.MoveToOtherDisposeScope(scope);
    }

    public void Dispose()
    {
        _value?.Dispose();
        _gradient?.Dispose();
        _value = _gradient = null;
    }
}
