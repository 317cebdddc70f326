using System.Diagnostics;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Models;
using TrainingService.Training.Trainers;

namespace TrainingService.Benchmarks;

/// <summary>
/// The product's own trainer over two epochs: steps of the first make the reference's pass too, so that the medians'
/// difference is what that pass takes.
/// </summary>
internal static class PackedWay
{
    public static TrainingRecipe Recipe(BenchmarkOptions options) => new()
    {
        BatchSize = options.Pairs,
        Epochs = 2,
        LoggingSteps = 1,
        SamplingStrategy = SamplingStrategy.Sequential,
        LearningRateSchedule = LearningRateSchedule.Constant,
        SaveStrategy = IntervalStrategy.No,
        ComputeType = options.Dtype,
    };

    public static Measurement Measure(BenchmarkOptions options)
    {
        IReadOnlyList<TokenizedPair> pairs = RandomPairs.Of(options.Shapes, ModelConfig.Load(options.Model).Size("vocab_size"));
        using var trainer = new Trainer(
            new() { ModelFolder = options.Model, BaseModelName = "benchmark", Recipe = Recipe(options), Train = pairs, PackTokens = options.PackTokens }, TimeProvider.System);
        var observer = new Observer();
        trainer.Run(observer);

        // The first step warms caches up.
        List<double> first = [.. observer.Seconds.Skip(1).Take(options.Steps - 1)], second = [.. observer.Seconds.Skip(options.Steps)];
        double step = Measurement.Quantile(second, 0.5);
        double reference = first.Count == 0 ? 0 : Math.Max(0, Measurement.Quantile(first, 0.5) - step);
        double total = step + reference / options.Epochs;
        return new("packed", second, reference, options.Pairs / total, trainer.Progress.Tokens / 2.0 / options.Steps / total, Measurement.PeakOfThisProcess(),
            [.. observer.Metrics.Select(m => m.Values[MetricNames.Loss])], observer.Metrics[0].Values[MetricNames.LogpsChosen], observer.Metrics[0].Values[MetricNames.LogpsRejected]);
    }

    private sealed class Observer : ITrainingObserver
    {
        private long _before = Stopwatch.GetTimestamp();

        public List<double> Seconds { get; } = [];

        public List<StepMetrics> Metrics { get; } = [];

        public TrainingSignal Signal => TrainingSignal.Continue;

        public void OnStep(TrainingProgress progress)
        {
            Seconds.Add(Stopwatch.GetElapsedTime(_before).TotalSeconds);
            _before = Stopwatch.GetTimestamp();
        }

        public void OnMetrics(StepMetrics metrics) => Metrics.Add(metrics);

        public void OnCheckpoint(int step, IReadOnlyList<int> superseded) { }
    }
}
