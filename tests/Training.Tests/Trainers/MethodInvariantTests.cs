using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Trainers;

namespace TrainingService.Training.Tests.Trainers;

/// <summary>What holds for every method: how rows are packed, split into micro-batches, ordered or interrupted changes nothing.</summary>
public class MethodInvariantTests
{
    public static TheoryData<string> Runs => ["evaluation", "orpo", "cpo_simpo", "kto", "kto_apo_zero_unpaired", "sft_completions", "sft_all_tokens"];

    /// <summary>KTO pairs each prompt with the completion of its neighbour.</summary>
    public static TheoryData<string> RunsWithoutNeighbours => [.. Runs.Select(r => r.Data).Except(["kto"])];

    /// <summary>ORPO's and CPO's cross-entropy is a mean over the tokens of a micro-batch, as in TRL.</summary>
    public static TheoryData<string> RunsOfMeansOverRows => [.. RunsWithoutNeighbours.Select(r => r.Data).Except(["orpo", "cpo_simpo"])];

    [Theory]
    [MemberData(nameof(Runs))]
    public void SmallPacks_AreLargeOnesWithinRounding(string name)
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = Run(name, folder, r => r with { BatchSize = 4 });
        AssertNear(Finish(run with { PackTokens = 100_000 }), Finish(run with { PackTokens = 1 }));
    }

    [Theory]
    [MemberData(nameof(RunsWithoutNeighbours))]
    public void RowsInAnotherOrderWithinABatch_AreTheSameBatch(string name)
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = Run(name, folder, r => r with { BatchSize = 4, MaxSteps = 1 });
        AssertNear(Finish(run), Finish(run with { Train = [.. run.Train.Take(4).Reverse(), .. run.Train.Skip(4)] }));
    }

    [Theory]
    [MemberData(nameof(RunsOfMeansOverRows))]
    public void MicroBatches_AccumulateToTheWholeBatch(string name)
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = Run(name, folder, r => r with { BatchSize = 4, MaxSteps = 1 });
        TrainerRun split = run with { Recipe = run.Recipe with { BatchSize = 2, GradientAccumulationSteps = 2 } };
        string[] compared = [MetricNames.Loss, MetricNames.GradNorm, MetricNames.NumTokens];
        AssertNear(Finish(run), Finish(split), compared);
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void RunLeftAnywhereAndResumed_EqualsAnUninterruptedOne(string name)
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = Run(name, folder, r => r with
        {
            SamplingStrategy = SamplingStrategy.Random,
            LoggingSteps = 2,
            Optimizer = OptimizerType.Adafactor,
            NeftuneNoiseAlpha = 5,
            EvalStrategy = IntervalStrategy.Steps,
            EvalSteps = 1,
            LoadBestModelAtEnd = true,
            MaxSteps = 4,
        });
        run = run with { Validation = run.Train };
        (IReadOnlyList<StepMetrics> metrics, byte[] adapter) = (Finish(run, out byte[] whole), whole);
        for (int stopAt = 0; ; stopAt += 3)
        {
            string state = Path.Combine(folder.Path, $"state-{stopAt}");
            var before = new RecordingObserver { SignalAt = read => read == stopAt ? TrainingSignal.Stop : TrainingSignal.Continue };
            using (var trainer = new Trainer(run, TimeProvider.System))
            {
                if (trainer.Run(before) == TrainingOutcome.Completed) break;
                trainer.SaveState(state);
            }
            using var resumed = new Trainer(run, TimeProvider.System);
            resumed.RestoreState(state);
            var after = new RecordingObserver();
            Assert.Equal(TrainingOutcome.Completed, resumed.Run(after));
            List<StepMetrics> told = [.. before.Metrics, .. after.Metrics];
            Assert.Equal(metrics.Select(m => (m.Step, m.Split)), told.Select(m => (m.Step, m.Split)));
            for (int i = 0; i < told.Count; i++) Assert.Equal(metrics[i].Values.OrderBy(v => v.Key), told[i].Values.OrderBy(v => v.Key));
            Assert.Equal(adapter, Adapter(resumed));
        }
    }

    [Theory]
    [InlineData("loss_ipo")]
    [InlineData("loss_aot")]
    [InlineData("loss_aot_unpaired")]
    public void BatchesOfOneToFour_TrainWhateverTheirOrder(string name)
    {
        using var folder = new TemporaryFolder();
        for (int size = 1; size <= 4; size++)
        {
            int batch = size;
            TrainerRun run = Run(name, folder, r => r with { BatchSize = batch, MaxSteps = 1 });
            IReadOnlyList<StepMetrics> metrics = Finish(run);
            AssertNear(metrics, Finish(run with { Train = [.. run.Train.Take(size).Reverse(), .. run.Train.Skip(size)] }));
            if (size > 1 || name == "loss_ipo") continue;
            // One value is its own quantile: the logistic loss.
            AssertNear(metrics, Finish(run with { Recipe = run.Recipe with { LossTypes = [LossType.Sigmoid] } }));
        }
    }

    [Fact]
    public void FreshAdapterByKto_StartsAtOneHalf()
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = Run("kto", folder, r => r) with { AdapterFolder = null };
        // Policy and reference agree: every log-ratio and the divergence are 0, and 1 − σ(0) is ½.
        Assert.Equal(0.5, Finish(run)[0].Values[MetricNames.Loss], 1e-6);
    }

    [Theory]
    [InlineData("orpo")]
    [InlineData("cpo_simpo")]
    [InlineData("sft_completions")]
    public void FreshAdapterWithoutAReference_Trains(string name)
    {
        using var folder = new TemporaryFolder();
        TrainerRun run = Run(name, folder, r => r with { Epochs = 4 }) with { AdapterFolder = null };
        IReadOnlyList<StepMetrics> metrics = Finish(run with { Train = [.. run.Train.Take(2)] });
        Assert.True(metrics[^1].Values[MetricNames.Loss] < metrics[0].Values[MetricNames.Loss]);
    }

    private static TrainerRun Run(string name, TemporaryFolder folder, Func<TrainingRecipe, TrainingRecipe> change)
    {
        string start = Path.Combine(folder.Path, Guid.NewGuid().ToString("n"));
        TrainerRun run = GoldenRunTests.RunOf(name, Golden.Json(Golden.Path("training", name, "run.json")), start);
        return run with { Recipe = change(run.Recipe with { EvalStrategy = IntervalStrategy.No, LoggingSteps = 1 }) };
    }

    private static IReadOnlyList<StepMetrics> Finish(TrainerRun run) => Finish(run, out _);

    private static IReadOnlyList<StepMetrics> Finish(TrainerRun run, out byte[] adapter)
    {
        using var trainer = new Trainer(run, TimeProvider.System);
        var observer = new RecordingObserver();
        Assert.Equal(TrainingOutcome.Completed, trainer.Run(observer));
        adapter = Adapter(trainer);
        return observer.Metrics;
    }

    private static byte[] Adapter(Trainer trainer)
    {
        using var folder = new TemporaryFolder();
        trainer.SaveAdapter(folder.Path);
        return File.ReadAllBytes(Path.Combine(folder.Path, PeftFiles.WeightsFile));
    }

    private static void AssertNear(IReadOnlyList<StepMetrics> expected, IReadOnlyList<StepMetrics> actual, string[]? compared = null)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
            foreach ((string metric, double value) in expected[i].Values)
                if (compared is null || compared.Contains(metric))
                    Assert.True(Math.Abs(value - actual[i].Values[metric]) <= 1e-4 * Math.Max(Math.Abs(value), 1e-2), $"step {expected[i].Step} {metric} is {actual[i].Values[metric]} for {value}");
    }
}
