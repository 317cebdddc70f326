using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Trainers;

namespace TrainingService.Training.Tests.Trainers;

public class DeterminismTests
{
    private static readonly Func<TrainingRecipe, TrainingRecipe> s_shuffledWithDropout = recipe => recipe with
    {
        Epochs = 2,
        SamplingStrategy = SamplingStrategy.Random,
        LoggingSteps = 3, // leaves sums between logs
        EvalStrategy = IntervalStrategy.Steps,
        EvalSteps = 2,
        GradientAccumulationSteps = 2,
        Lora = recipe.Lora with { Dropout = 0.2 },
    };

    [Fact]
    public void TwoRunsOfOneSeed_AreEqualBitForBit()
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = Run(folder, s_shuffledWithDropout);
        (IReadOnlyList<StepMetrics> Metrics, byte[] Adapter) first = Finish(run, folder), second = Finish(run, folder);
        AssertEqual(first.Metrics, second.Metrics);
        Assert.Equal(first.Adapter, second.Adapter);

        (IReadOnlyList<StepMetrics> Metrics, byte[] Adapter) other = Finish(run with { Recipe = run.Recipe with { Seed = 43 } }, folder);
        Assert.NotEqual(first.Adapter, other.Adapter);
    }

    [Fact]
    public void RunLeftAnywhereAndResumed_EqualsAnUninterruptedOne()
    {
        using var folder = new TemporaryFolder();
        AssertResumes(Run(folder, s_shuffledWithDropout), folder);
    }

    [Fact]
    public void RunOfEveryKindOfAdapter_ResumesLikewise()
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = Run(folder, s_shuffledWithDropout) with { AdapterFolder = null };
        AssertResumes(run with
        {
            Recipe = run.Recipe with
            {
                NeftuneNoiseAlpha = 5,
                Lora = run.Recipe.Lora with { UseDora = true, Initialization = LoraInitialization.Pissa, PissaIterations = 2, ModulesToSave = ["embed_tokens", "lm_head"] },
            },
        }, folder);
    }

    private static void AssertResumes(TrainerRun run, TemporaryFolder folder)
    {
        (IReadOnlyList<StepMetrics> Metrics, byte[] Adapter) whole = Finish(run, folder);
        int leftInEvaluation = 0, reads = 0;
        for (int stopAt = 0; ; stopAt++, reads++)
        {
            // Signals are read before every pack, so this leaves every micro-batch and every evaluation's middle once.
            string state = Path.Combine(folder.Path, $"state-{stopAt}");
            var before = new RecordingObserver { SignalAt = read => read == stopAt ? TrainingSignal.Stop : TrainingSignal.Continue };
            using (var trainer = new Trainer(run, TimeProvider.System))
            {
                if (trainer.Run(before) == TrainingOutcome.Completed) break;
                trainer.SaveState(state);
                if (trainer.Progress.Step > before.Steps.Count) leftInEvaluation++;
            }

            using var resumed = new Trainer(run, TimeProvider.System);
            resumed.RestoreState(state);
            var after = new RecordingObserver();
            Assert.Equal(TrainingOutcome.Completed, resumed.Run(after));
            AssertEqual(whole.Metrics, [.. before.Metrics, .. after.Metrics]);
            Assert.Equal(whole.Adapter, Adapter(resumed, folder));
        }
        Assert.True(reads > 8, $"the run was left at {reads} places only");
        Assert.True(leftInEvaluation > 0);
    }

    [Fact]
    public void FourBatchesOfOne_AreABatchOfFour()
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = Run(folder, recipe => recipe with { BatchSize = 4, Epochs = 1, LoggingSteps = 1, EvalStrategy = IntervalStrategy.No });
        IReadOnlyList<StepMetrics> together = Finish(run, folder).Metrics;
        IReadOnlyList<StepMetrics> one = Finish(run with { Recipe = run.Recipe with { BatchSize = 1, GradientAccumulationSteps = 4 } }, folder).Metrics;
        Assert.Equal(together.Count, one.Count);
        foreach (string metric in new[] { MetricNames.Loss, MetricNames.GradNorm, MetricNames.LogpsChosen, MetricNames.LogpsRejected, MetricNames.NumTokens })
            AssertNear(together[0].Values[metric], one[0].Values[metric], 1e-5, metric);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    public void SmallPacks_AreLargeOnesWithinRounding(int packTokens)
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = Run(folder, recipe => recipe with { BatchSize = 4, LoggingSteps = 1, EvalStrategy = IntervalStrategy.Epoch });
        IReadOnlyList<StepMetrics> large = Finish(run with { PackTokens = 100_000 }, folder).Metrics, small = Finish(run with { PackTokens = packTokens }, folder).Metrics;
        Assert.Equal(large.Count, small.Count);
        for (int i = 0; i < large.Count; i++)
            foreach ((string metric, double value) in large[i].Values)
                AssertNear(value, small[i].Values[metric], 1e-4, $"step {large[i].Step} {metric}");
    }

    [Fact]
    public void FreshAdapter_StartsAtTheLogarithmOfTwo()
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = Run(folder, recipe => recipe with { LoggingSteps = 1, EvalStrategy = IntervalStrategy.No }) with { AdapterFolder = null };
        Assert.Equal(Math.Log(2), Finish(run, folder).Metrics[0].Values[MetricNames.Loss], 1e-6);
    }

    private static TrainerRun Run(TemporaryFolder folder, Func<TrainingRecipe, TrainingRecipe> change)
    {
        TrainerRun run = GoldenRunTests.RunOf("evaluation", Golden.Json(Golden.Path("training", "evaluation", "run.json")), folder.Path);
        return run with { Recipe = change(run.Recipe) };
    }

    private static (IReadOnlyList<StepMetrics> Metrics, byte[] Adapter) Finish(TrainerRun run, TemporaryFolder folder)
    {
        using var trainer = new Trainer(run, TimeProvider.System);
        var observer = new RecordingObserver();
        Assert.Equal(TrainingOutcome.Completed, trainer.Run(observer));
        return (observer.Metrics, Adapter(trainer, folder));
    }

    private static byte[] Adapter(Trainer trainer, TemporaryFolder folder)
    {
        string path = Path.Combine(folder.Path, "adapter");
        trainer.SaveAdapter(path);
        return File.ReadAllBytes(Path.Combine(path, PeftFiles.WeightsFile));
    }

    private static void AssertEqual(IReadOnlyList<StepMetrics> expected, IReadOnlyList<StepMetrics> actual)
    {
        Assert.Equal(expected.Select(m => (m.Step, m.Split, m.Epoch)), actual.Select(m => (m.Step, m.Split, m.Epoch)));
        for (int i = 0; i < expected.Count; i++) Assert.Equal(expected[i].Values.OrderBy(v => v.Key), actual[i].Values.OrderBy(v => v.Key));
    }

    private static void AssertNear(double expected, double actual, double relative, string what) =>
        Assert.True(Math.Abs(expected - actual) <= relative * Math.Max(Math.Abs(expected), 1e-2), $"{what} is {actual} for {expected}");
}
