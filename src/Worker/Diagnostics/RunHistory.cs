using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;

namespace TrainingService.Worker.Diagnostics;

/// <summary>What a run has shown so far: its recipe, its rows and its logs. A run that is taken over gets it back from the metrics rows.</summary>
internal sealed class RunHistory(TrainingRecipe recipe, RowFacts rows, int totalSteps)
{
    private readonly List<StepMetrics> _logs = [];
    private readonly Dictionary<(MetricSplit Split, string Metric), List<double>> _series = [];

    /// <summary>The settings that count, those of an adapter that training started from among them.</summary>
    public TrainingRecipe Recipe => recipe;

    public RowFacts Rows => rows;

    public int TotalSteps => totalSteps;

    /// <summary>Step of the newest log.</summary>
    public int Step => _logs.Count == 0 ? 0 : _logs[^1].Step;

    /// <summary>Every log, in the order of the run.</summary>
    public IReadOnlyList<StepMetrics> Logs => _logs;

    /// <summary>Rows that a training log is the mean of.</summary>
    public int RowsALog => recipe.LoggingSteps * recipe.BatchSize * recipe.GradientAccumulationSteps;

    /// <summary>A metric of the training logs that have it, oldest first.</summary>
    public IReadOnlyList<double> Train(string metric) => _series.GetValueOrDefault((MetricSplit.Train, metric)) ?? [];

    /// <summary>A metric of the evaluations that have it, oldest first.</summary>
    public IReadOnlyList<double> Eval(string metric) => _series.GetValueOrDefault((MetricSplit.Eval, metric)) ?? [];

    /// <summary>Training logs whose mean is over at least so many rows.</summary>
    public int LogsOf(int rows, int atLeast) => Math.Max(atLeast, (rows + RowsALog - 1) / RowsALog);

    public void Add(StepMetrics metrics)
    {
        // A run that was left between an evaluation and the step after it evaluates again, with the same result.
        if (_logs.TakeLast(2).Any(m => m.Step == metrics.Step && m.Split == metrics.Split)) return;
        _logs.Add(metrics);
        foreach ((string name, double value) in metrics.Values)
        {
            if (!_series.TryGetValue((metrics.Split, name), out List<double>? series)) _series[(metrics.Split, name)] = series = [];
            series.Add(value);
        }
    }
}
