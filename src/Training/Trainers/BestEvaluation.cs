using TorchSharp;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Checkpoints;
using static TorchSharp.torch;

namespace TrainingService.Training.Trainers;

/// <summary>The best evaluation of a run, as a state holds it.</summary>
internal sealed record BestPosition
{
    /// <summary>Its step; null when there was none.</summary>
    public int? Step { get; init; }

    /// <summary>Its metric.</summary>
    public double Value { get; init; }

    /// <summary>Evaluations since without an improvement beyond the threshold.</summary>
    public int WithoutImprovement { get; init; }
}

/// <summary>
/// Which evaluation was the best, whether patience is over, and the adapter as it was then: load_best_model_at_end,
/// metric_for_best_model and early stopping of transformers. The adapter is a copy of its own, so that the best one comes
/// out whether or not a checkpoint was kept of it.
/// </summary>
internal sealed class BestEvaluation(TrainingRecipe recipe, Tensor parameters) : IDisposable
{
    private const string StateName = "best_adapter";

    private Tensor? _adapter;

    /// <summary>The best so far.</summary>
    public BestPosition Position { get; private set; } = new();

    /// <summary>The step of the best evaluation; null while there was none.</summary>
    public int? Step => Position.Step;

    /// <summary>Whether so many evaluations in a row brought no improvement.</summary>
    public bool IsPatienceOver => recipe.EarlyStoppingPatience is { } patience && Position.WithoutImprovement >= patience;

    /// <summary>The copy, when there is one.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> State => _adapter is null ? [] : [new(StateName, _adapter)];

    /// <summary>Takes note of an evaluation.</summary>
    /// <exception cref="NonFiniteMetricException">It lacks the metric: no row of the validation set gives it.</exception>
    public void Compare(int step, IReadOnlyDictionary<string, double> values)
    {
        if (!recipe.LoadBestModelAtEnd && recipe.EarlyStoppingPatience is null) return;
        if (!values.TryGetValue(recipe.MetricForBestModel, out double value)) throw new NonFiniteMetricException(step, recipe.MetricForBestModel, double.NaN);
        double gain = Position.Step is null ? double.PositiveInfinity : recipe.MoreIsBetter ? value - Position.Value : Position.Value - value;
        int withoutImprovement = gain > recipe.EarlyStoppingThreshold ? 0 : Position.WithoutImprovement + 1;
        if (gain <= 0)
        {
            Position = Position with { WithoutImprovement = withoutImprovement };
            return;
        }
        Position = new() { Step = step, Value = value, WithoutImprovement = withoutImprovement };
        if (!recipe.LoadBestModelAtEnd) return;
        _adapter ??= empty_like(parameters).DetachFromDisposeScope();
        _adapter.copy_(parameters);
    }

    /// <summary>Puts the best adapter in place of the last one.</summary>
    public void Load()
    {
        if (_adapter is not null) parameters.copy_(_adapter);
    }

    /// <summary>Takes over a state.</summary>
    public void Restore(BestPosition position, SafetensorsReader state)
    {
        Position = position;
        if (!state.Contains(StateName)) return;
        _adapter ??= empty_like(parameters).DetachFromDisposeScope();
        state.ReadInto(StateName, _adapter);
    }

    public void Dispose() => _adapter?.Dispose();
}
