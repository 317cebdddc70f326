using TorchSharp;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

public class TapeTests
{
    [Fact]
    public void EndLayer_FreesWhatNoBackwardPassNeeds()
    {
        using DisposeScope scope = NewDisposeScope();
        using var tape = new Tape(records: true);
        Activation kept = tape.Record(ones(1), requiresGradient: true, _ => { });
        Activation recomputed = tape.Record(ones(1) * 2, requiresGradient: true, _ => { }, () => kept.Value * 2, [kept]);
        Activation unused = tape.Record(ones(1), requiresGradient: true, _ => { });
        Activation output = tape.Record(ones(1), requiresGradient: true, _ => { }, null, [recomputed]);

        tape.EndLayer(output);

        Assert.Equal(1, kept.Value.item<float>());
        Assert.Equal(2, recomputed.Value.item<float>());
        Assert.Equal(1, output.Value.item<float>());
        Assert.Throws<ObjectDisposedException>(() => unused.Value);
    }

    [Fact]
    public void Backward_AddsTheGradientsOfAnOutputUsedTwice()
    {
        using DisposeScope scope = NewDisposeScope();
        using var tape = new Tape(records: true);
        var leaf = new Activation(ones(1), requiresGradient: true);
        Activation x = tape.Record(ones(1), requiresGradient: true, g => leaf.Accumulate(g.clone()));
        Activation twice = tape.Record(ones(1) * 2, requiresGradient: true, g => x.Accumulate(g * 2));
        Activation sum = tape.Record(ones(1) * 3, requiresGradient: true, g =>
        {
            twice.Accumulate(g.clone());
            x.Accumulate(g.clone());
        });

        tape.Backward(sum, ones(1));

        Assert.Equal(3, leaf.TakeGradient(scope)!.item<float>());
    }

    [Fact]
    public void ExceptionOfABackwardPass_ArrivesAndNothingLeaks()
    {
        using DisposeScope scope = NewDisposeScope();
        using var tape = new Tape(records: true);
        Activation x = tape.Record(ones(1), requiresGradient: true, _ => throw new InvalidOperationException("from a block"));
        Activation y = tape.Record(ones(1), requiresGradient: true, g => x.Accumulate(g.clone()));
        Assert.Equal("from a block", Assert.Throws<InvalidOperationException>(() => tape.Backward(y, ones(1))).Message);
    }
}
