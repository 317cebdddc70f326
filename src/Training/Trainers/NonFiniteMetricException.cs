namespace TrainingService.Training.Trainers;

/// <summary>A metric became infinite or not a number: going on would train nothing but noise.</summary>
/// <param name="step">The step that was being taken, from 1.</param>
/// <param name="metric">Name of the metric.</param>
/// <param name="value">Its value.</param>
public sealed class NonFiniteMetricException(int step, string metric, double value)
    : Exception($"Step {step}: {metric} is {value}. Training stopped, as every later step would be meaningless. A lower learning rate, a smaller max_grad_norm or dtype float32 usually helps.")
{
    /// <summary>The step that was being taken, from 1.</summary>
    public int Step { get; } = step;

    /// <summary>Name of the metric.</summary>
    public string Metric { get; } = metric;
}
