using TrainingService.Domain.Recipes;
using TrainingService.Training.Batching;

namespace TrainingService.Training.Tests.Batching;

public class TrainingPlanTests
{
    [Fact]
    public void EveryEpoch_TakesEveryRowOnceInAnotherOrder()
    {
        var plan = new TrainingPlan(new() { BatchSize = 2, GradientAccumulationSteps = 2, Epochs = 2 }, rows: 7);
        // 4 batches, the last of one row; 2 steps an epoch.
        Assert.Equal(4, plan.TotalSteps);
        int[][] epochs = [.. new[] { 0, 2 }.Select(first => plan.MicroBatches(first).Concat(plan.MicroBatches(first + 1)).SelectMany(b => b).ToArray())];
        Assert.All(epochs, e => Assert.Equal(Enumerable.Range(0, 7), e.Order()));
        Assert.NotEqual(epochs[0], epochs[1]);
    }

    [Fact]
    public void Rows_AreAFunctionOfTheStepAlone()
    {
        var recipe = new TrainingRecipe { BatchSize = 3, Epochs = 3 };
        TrainingPlan there = new(recipe, 10), back = new(recipe, 10);
        int[][] forwards = [.. Enumerable.Range(0, there.TotalSteps).Select(s => there.MicroBatches(s).Single())];
        int[][] backwards = [.. Enumerable.Range(0, back.TotalSteps).Reverse().Select(s => back.MicroBatches(s).Single()).Reverse()];
        Assert.Equal(forwards, backwards);
    }

    [Fact]
    public void Epochs_AreCountedInBatches()
    {
        var plan = new TrainingPlan(new() { BatchSize = 1, GradientAccumulationSteps = 2, Epochs = 2 }, rows: 5);
        Assert.Equal([0.4, 0.8, 1.0, 1.4], new[] { 1, 2, 3, 4 }.Select(s => Math.Round(plan.EpochAfter(s), 9)));
        Assert.Equal([false, false, true], new[] { 1, 2, 3 }.Select(plan.EndsEpoch));
        Assert.Equal(5, plan.FirstMicroBatch(3));
    }
}
