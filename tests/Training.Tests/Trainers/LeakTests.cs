using TrainingService.Domain.Recipes;
using TrainingService.Training.Trainers;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Trainers;

/// <summary>The count of live tensors is one for the whole process, so that nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(LeakTests), DisableParallelization = true)]
public class LeakCollection;

[Collection(nameof(LeakTests))]
public class LeakTests
{
    [Fact]
    public void Steps_LeaveNoTensorBehind()
    {
        using var folder = new TemporaryFolder();
        using var trainer = new Trainer(Run(folder), TimeProvider.System);
        var counts = new List<long>();
        var observer = new RecordingObserver { WhenStep = () => counts.Add(Tensor.TotalCount) };
        Settle();
        trainer.Run(observer);
        Assert.Equal(12, counts.Count);
        // The first steps make what is kept, such as masks.
        Assert.All(counts.Skip(2), c => Assert.True(c <= counts[1], string.Join(' ', counts)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void StepThatIsLeft_LeavesNoTensorBehind(bool byException)
    {
        using var folder = new TemporaryFolder();
        using var trainer = new Trainer(Run(folder), TimeProvider.System);
        trainer.Run(new RecordingObserver { SignalAt = read => read == 3 ? TrainingSignal.Stop : TrainingSignal.Continue });
        Settle();
        long before = Tensor.TotalCount;
        for (int i = 0; i < 5; i++)
        {
            // The second micro-batch of a step: the first one's gradients are there.
            var observer = new RecordingObserver { SignalAt = read => read != 1 ? TrainingSignal.Continue : byException ? throw new IOException("the observer's") : TrainingSignal.Cancel };
            if (byException) Assert.Throws<IOException>(() => trainer.Run(observer));
            else Assert.Equal(TrainingOutcome.Cancelled, trainer.Run(observer));
            Assert.True(Tensor.TotalCount <= before, $"{Tensor.TotalCount} tensors, before {before}");
        }
    }

    [Fact]
    public void DisposedTrainer_LeavesNoTensorBehind()
    {
        using var folder = new TemporaryFolder();
        TrainOnce();
        Settle();
        long before = Tensor.TotalCount;
        TrainOnce();
        Assert.True(Tensor.TotalCount <= before, $"{Tensor.TotalCount} tensors, before {before}");

        void TrainOnce()
        {
            using var trainer = new Trainer(Run(folder), TimeProvider.System);
            trainer.Run(new RecordingObserver());
        }
    }

    // Tensors that other tests forgot go now rather than while this one counts.
    private static void Settle()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private static TrainerRun Run(TemporaryFolder folder)
    {
        using var own = new TemporaryFolder();
        TrainerRun run = GoldenRunTests.RunOf("evaluation", Golden.Json(Golden.Path("training", "evaluation", "run.json")), own.Path);
        return run with
        {
            AdapterFolder = null,
            ReferenceCacheFolder = folder.Path,
            Recipe = run.Recipe with { Epochs = 6, GradientAccumulationSteps = 2, EvalStrategy = IntervalStrategy.No, Lora = run.Recipe.Lora with { Dropout = 0.1 } },
        };
    }
}
