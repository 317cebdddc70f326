using TrainingService.Domain.Metrics;

namespace TrainingService.Training.Trainers;

/// <summary>
/// Means of TRL's metrics since the last log: each over the micro-batches, the loss over the optimiser steps, and the sums
/// in double precision.
/// </summary>
internal sealed class MetricAverages
{
    /// <summary>Sums by metric, and by how much they are divided.</summary>
    public Dictionary<string, double> Sums { get; init; } = [];

    /// <summary>Weights by metric.</summary>
    public Dictionary<string, double> Weights { get; init; } = [];

    /// <summary>Adds one value.</summary>
    public void Add(string name, double value, double weight = 1)
    {
        Sums[name] = Sums.GetValueOrDefault(name) + value * weight;
        Weights[name] = Weights.GetValueOrDefault(name) + weight;
    }

    /// <summary>Adds all of another.</summary>
    public void Add(MetricAverages other)
    {
        foreach ((string name, double sum) in other.Sums)
        {
            Sums[name] = Sums.GetValueOrDefault(name) + sum;
            Weights[name] = Weights.GetValueOrDefault(name) + other.Weights[name];
        }
    }

    /// <summary>The means.</summary>
    /// <exception cref="NonFiniteMetricException">One is not finite.</exception>
    public Dictionary<string, double> Means(int step)
    {
        var means = new Dictionary<string, double>();
        foreach ((string name, double sum) in Sums)
        {
            means[name] = sum / Weights[name];
            if (!double.IsFinite(means[name])) throw new NonFiniteMetricException(step, name, means[name]);
        }
        return means;
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Sums.Clear();
        Weights.Clear();
    }
}
