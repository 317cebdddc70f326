using TorchSharp;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

/// <summary>Compares a block's output and its hand-written gradients with the formula as libtorch differentiates it.</summary>
internal static class PlainAutograd
{
    /// <summary>Standard normal numbers of a seed.</summary>
    public static Tensor Normal(int seed, params long[] shape)
    {
        using var generator = new Generator((ulong)seed);
        return randn(shape, generator: generator);
    }

    /// <summary>Runs both and asserts that outputs and gradients of all inputs agree.</summary>
    /// <param name="inputs">Float32 tensors.</param>
    /// <param name="block">The block, recorded on a tape.</param>
    /// <param name="formula">The same in plain operations.</param>
    /// <param name="others">Tensors whose gradients the block adds up elsewhere: the leaf of the formula, and where the block left it.</param>
    public static void AssertSame(Tensor[] inputs, Func<Tape, Activation[], Activation> block, Func<Tensor[], Tensor> formula, params (Tensor Leaf, Tensor Gradient)[] others)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] leaves = [.. inputs.Select(i => i.detach().clone().requires_grad_())];
        Tensor expected;
        Tensor weight;
        using (enable_grad())
        {
            expected = formula(leaves);
            weight = Normal(99, expected.shape);
            (expected * weight).sum().backward();
        }

        using var _ = no_grad();
        using var tape = new Tape(records: true);
        // Released as in a model, so that a block that needs a value must have asked for it.
        var holders = new List<Activation>();
        Activation[] activations = [.. inputs.Select(i => Leaf(tape, i, holders))];
        Activation output = block(tape, activations);
        AssertNear(expected, output.Value, "output");
        tape.EndLayer(output);
        tape.Backward(output, weight.clone());
        for (int i = 0; i < inputs.Length; i++)
            AssertNear(leaves[i].grad!, holders[i].TakeGradient(scope)!, $"gradient of input {i}");
        for (int i = 0; i < others.Length; i++)
            AssertNear(others[i].Leaf.grad!, others[i].Gradient, $"gradient of parameter {i}");
    }

    /// <summary>Asserts that two tensors differ by no more than rounding of float32.</summary>
    public static void AssertNear(Tensor expected, Tensor actual, string what, double tolerance = 2e-5)
    {
        Assert.Equal(expected.shape, actual.shape);
        double size = Math.Max(1, expected.detach().abs().max().ToDouble()), differ = Golden.Difference(expected.detach(), actual);
        Assert.True(differ <= tolerance * size, $"{what} differs by {differ:g3} of {size:g3}");
    }

    // A leaf's gradient arrives at an activation below it that no block of the test consumes.
    private static Activation Leaf(Tape tape, Tensor value, List<Activation> holders)
    {
        var holder = new Activation(value.clone(), requiresGradient: true);
        holders.Add(holder);
        return tape.Record(value.clone(), requiresGradient: true, gradient => holder.Accumulate(gradient.clone()));
    }
}
