using TorchSharp;
using TrainingService.Training.Optimization;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Optimization;

/// <summary>SGD, Lion and Adafactor: steps by hand, and continuing from a saved state.</summary>
public sealed class OptimizerTests
{
    public static TheoryData<string> Names => ["sgd", "lion", "adafactor"];

    [Fact]
    public void Sgd_IsTorchs()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradients = tensor([0.5f, -2f]), parameters = tensor([1f, 2f]);
        using var theirs = new TorchSharp.Modules.Parameter(parameters.clone());
        optim.Optimizer torchs = optim.SGD([theirs], 0.1, weight_decay: 0.3);
        using Sgd ours = new(parameters, gradients, 0.3);
        for (int step = 0; step < 3; step++)
        {
            ours.Step(0.1);
            theirs.grad = gradients.clone();
            torchs.step();
        }
        Assert.Equal(0, (parameters - theirs.detach()).abs().max().item<float>(), 1e-6f);
    }

    [Fact]
    public void Lion_StepsByTheSignOfTheInterpolatedMomentum()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradients = tensor([1f, -1f]), parameters = tensor([2f, 2f]);
        using Lion lion = new(parameters, gradients) { Beta1 = 0.9, Beta2 = 0.5, WeightDecay = 0.1 };
        lion.Step(0.1); // weights × 0.99, then ∓0.1; momentum ±0.5
        Assert.Equal([1.88f, 2.08f], parameters.data<float>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
        gradients.neg_();
        lion.Step(0.1); // 0.9·0.5 − 0.1·1 > 0: the momentum still decides
        Assert.Equal([(1.88f * 0.99f) - 0.1f, (2.08f * 0.99f) + 0.1f], parameters.data<float>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void AdafactorsFirstStep_IsTheGradientOverItsFactoredRoot()
    {
        using DisposeScope scope = NewDisposeScope();
        // Squares 1 4 / 9 36: rows' means 2.5 and 22.5, columns' 5 and 20, all rows' 12.5. Their product over 12.5 is the
        // square itself, as the squares have rank one: each element of the update is 1, and its root mean square too.
        Tensor gradient = tensor(new float[,] { { 1, 2 }, { -3, 6 } }), weight = zeros(2, 2);
        using Adafactor adafactor = new([new(weight, gradient)], weightDecay: 0);
        adafactor.Step(0.1);
        Assert.Equal([-0.1f, -0.1f, 0.1f, -0.1f], weight.data<float>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void AdafactorsUpdate_IsClippedToARootMeanSquareOfOne()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradient = tensor([1e-3f, 1e-3f]), weight = tensor([1f, 1f]);
        using Adafactor adafactor = new([new(weight, gradient)], weightDecay: 0.5);
        adafactor.Step(0.1);
        // The second step's decay is 1 − 2^−0.8: the mean of squares is 0.574·g² where the old gradient was a thousandth.
        gradient.mul_(1000);
        adafactor.Step(0.1);
        Assert.Equal(((1 - 0.05) - 0.1) * (1 - 0.05) - 0.1, weight[0].item<float>(), 1e-5);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void RestoredState_ContinuesBitForBit(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradients = randn([6, 4], generator: new Generator(3)), parameters = zeros(6, 4);
        using IOptimizer whole = Create(name, parameters, gradients);
        for (int step = 0; step < 3; step++) whole.Step(0.01);
        Tensor resumedParameters = parameters.clone();
        using IOptimizer resumed = Create(name, resumedParameters, gradients);
        Dictionary<string, Tensor> state = whole.State.ToDictionary(s => s.Key, s => s.Value.clone());
        resumed.Restore(key => state[key], 3);
        for (int step = 0; step < 3; step++)
        {
            gradients.mul_(-0.7);
            whole.Step(0.02);
            resumed.Step(0.02);
        }
        Assert.Equal(parameters.data<float>().ToArray(), resumedParameters.data<float>().ToArray());
    }

    private static IOptimizer Create(string name, Tensor parameters, Tensor gradients) => name switch
    {
        "sgd" => new Sgd(parameters, gradients, 0.1),
        "lion" => new Lion(parameters, gradients) { WeightDecay = 0.1 },
        _ => new Adafactor([new(parameters, gradients), new(parameters[0], gradients[0])], 0.1),
    };
}
