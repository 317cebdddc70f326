using TorchSharp;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Trainers;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Trainers;

/// <summary>The best evaluation, patience, and which checkpoints stay.</summary>
public class BestEvaluationTests
{
    [Fact]
    public void LowerLoss_IsBetter()
    {
        using Tensor parameters = tensor([0f]);
        using var best = new BestEvaluation(new() { LoadBestModelAtEnd = true }, parameters);
        foreach ((int step, float value) in new[] { (1, 0.7f), (2, 0.5f), (3, 0.6f) })
        {
            parameters.fill_(step);
            best.Compare(step, new Dictionary<string, double> { ["loss"] = value });
        }
        Assert.Equal(2, best.Step);
        best.Load();
        Assert.Equal(2, parameters.item<float>());
    }

    [Fact]
    public void Patience_EndsAfterSoManyEvaluationsWithoutAnImprovementBeyondTheThreshold()
    {
        using Tensor parameters = tensor([0f]);
        var recipe = new TrainingRecipe { EarlyStoppingPatience = 2, EarlyStoppingThreshold = 0.05, MetricForBestModel = MetricNames.RewardsAccuracies };
        using var best = new BestEvaluation(recipe, parameters);
        bool[] over = [.. new[] { 0.5, 0.6, 0.62, 0.63, 0.9 }.Select((value, i) =>
        {
            best.Compare(i + 1, new Dictionary<string, double> { [MetricNames.RewardsAccuracies] = value });
            return best.IsPatienceOver;
        })];
        Assert.Equal([false, false, false, true, false], over);
        Assert.Equal(5, best.Step);
    }

    [Theory]
    [InlineData(null, new int[0], null)]
    [InlineData(2, new[] { 1, 2, 3 }, null)]
    [InlineData(2, new[] { 1, 2, 4 }, 3)] // the best one stays
    [InlineData(1, new[] { 1, 2, 4 }, 3)] // and the newest beside it
    public void Limit_TakesTheOldestFirstAndTheBestLast(int? limit, int[] superseded, int? best)
    {
        var kept = new KeptCheckpoints(limit);
        List<int> gone = [];
        for (int step = 1; step <= 5; step++) gone.AddRange(kept.Add(step, best <= step ? best : null));
        Assert.Equal(superseded, gone.Order());
        Assert.Equal(Enumerable.Range(1, 5).Except(superseded), kept.Steps.Order());
    }

    [Fact]
    public void BestAdapter_IsTheOneThatComesOut()
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = GoldenRunTests.RunOf("evaluation", Golden.Json(Golden.Path("training", "evaluation", "run.json")), folder.Path);
        // A rate that destroys the policy: the first evaluations are better than the last.
        run = run with { Recipe = run.Recipe with { LearningRate = 0.5, MaxGradNorm = 0, Epochs = 3, EvalStrategy = IntervalStrategy.Steps, EvalSteps = 1, LoadBestModelAtEnd = true } };
        using var trainer = new Trainer(run, TimeProvider.System);
        Dictionary<int, byte[]> adapters = [];
        var observer = new RecordingObserver { WhenStep = () => adapters[trainer.Progress.Step] = Adapter(trainer) };
        Assert.Equal(TrainingOutcome.Completed, trainer.Run(observer));

        int best = observer.Metrics.Where(m => m.Split == MetricSplit.Eval).MinBy(m => m.Values[MetricNames.Loss])!.Step;
        Assert.Equal(best, trainer.BestStep);
        Assert.NotEqual(trainer.TotalSteps, best);
        Assert.Equal(adapters[best], Adapter(trainer));
    }

    [Fact]
    public void EarlyStopping_LeavesTheRemainingSteps()
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = GoldenRunTests.RunOf("evaluation", Golden.Json(Golden.Path("training", "evaluation", "run.json")), folder.Path);
        run = run with { Recipe = run.Recipe with { LearningRate = 0.5, MaxGradNorm = 0, Epochs = 20, EvalStrategy = IntervalStrategy.Steps, EvalSteps = 1, EarlyStoppingPatience = 3 } };
        using var trainer = new Trainer(run, TimeProvider.System);
        var observer = new RecordingObserver();
        Assert.Equal(TrainingOutcome.Completed, trainer.Run(observer));
        Assert.True(trainer.StoppedEarly);
        Assert.True(trainer.Progress.Step < trainer.TotalSteps);
        double[] losses = [.. observer.Metrics.Where(m => m.Split == MetricSplit.Eval).Select(m => m.Values[MetricNames.Loss])];
        Assert.Equal(losses.Length - 4, Array.IndexOf(losses, losses.Min())); // three after the best
    }

    private static byte[] Adapter(Trainer trainer)
    {
        using var folder = new TemporaryFolder();
        trainer.SaveAdapter(folder.Path);
        return File.ReadAllBytes(Path.Combine(folder.Path, PeftFiles.WeightsFile));
    }
}
