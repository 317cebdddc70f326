using TorchSharp;
using TrainingService.Training.Optimization;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TrainingService.Training.Tests.Optimization;

public sealed class AdamWTests
{
    [Fact]
    public void FirstStep_ByHand()
    {
        // Bias correction makes the first means g and g²: the step is lr·g/(|g| + ε), after lr·wd of the weight is gone.
        using Tensor parameters = tensor([2f, -1f]);
        using Tensor gradients = tensor([0.5f, -0.25f]);
        using AdamW optimizer = new(parameters, gradients) { Epsilon = 0.25, WeightDecay = 0.5 };
        optimizer.Step(0.1);
        Assert.Equal([2 * 0.95 - 0.1 * 0.5 / 0.75, -1 * 0.95 + 0.1 * 0.25 / 0.5], parameters.data<float>().Select(value => (double)value), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal(1, optimizer.Steps);
    }

    [Theory, InlineData(0), InlineData(0.1)]
    public void ManySteps_EqualTorchsOwn(double weightDecay)
    {
        using DisposeScope scope = NewDisposeScope();
        Generator generator = new(7);
        Tensor start = randn(1000, generator: generator);
        Tensor parameters = start.clone();
        Tensor gradients = zeros(1000);
        using AdamW optimizer = new(parameters, gradients) { WeightDecay = weightDecay };
        var theirs = new Parameter(start.clone());
        using optim.Optimizer torchs = optim.AdamW([theirs], weight_decay: weightDecay);
        for (int step = 0; step < 50; step++)
        {
            double learningRate = 1e-3 * (50 - step) / 50;
            gradients.copy_(randn(1000, generator: generator));
            theirs.grad = gradients.clone();
            foreach (optim.ILearningRateController group in torchs.ParamGroups) group.LearningRate = learningRate;
            optimizer.Step(learningRate);
            torchs.step();
        }
        Assert.True((parameters - start).abs().max().item<float>() > 1e-3f);
        Assert.Equal(0, (parameters - theirs).abs().max().item<float>(), 4e-7f);
    }

    [Fact]
    public void RestoredState_ContinuesBitForBit()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradients = randn(100, generator: new Generator(3));
        Tensor parameters = zeros(100);
        using AdamW whole = new(parameters, gradients);
        for (int step = 0; step < 3; step++) whole.Step(0.01);
        Tensor resumedParameters = parameters.clone();
        using AdamW resumed = new(resumedParameters, gradients);
        resumed.Restore(name => whole.State.Single(s => s.Key == name).Value, whole.Steps);
        for (int step = 0; step < 3; step++)
        {
            gradients.mul_(-0.7);
            whole.Step(0.02);
            resumed.Step(0.02);
        }
        Assert.Equal(parameters.data<float>().ToArray(), resumedParameters.data<float>().ToArray());
        Assert.Equal(whole.Steps, resumed.Steps);
    }

    [Fact]
    public void ViewsOfTheParameters_SeeTheStep()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor parameters = zeros(6);
        Tensor view = parameters.narrow(0, 2, 4).view(2, 2);
        using AdamW optimizer = new(parameters, ones(6));
        optimizer.Step(0.5);
        Assert.All(view.flatten().data<float>().ToArray(), value => Assert.Equal(-0.5f, value, 1e-6f));
    }

    [Fact]
    public void State_OutlivesTheScopeItWasMadeIn_AndStepsLeaveNothingBehind()
    {
        using Tensor parameters = zeros(4);
        using Tensor gradients = ones(4);
        AdamW optimizer;
        using (NewDisposeScope()) optimizer = new(parameters, gradients);
        using (optimizer)
        using (DisposeScope scope = NewDisposeScope())
        {
            optimizer.Step(0.1);
            Assert.Equal(0, scope.DisposablesCount);
        }
    }
}
