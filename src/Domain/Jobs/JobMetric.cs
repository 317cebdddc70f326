using TrainingService.Domain.Metrics;

namespace TrainingService.Domain.Jobs;

/// <summary>One row of a job's metrics: there is one for each (job, step, split).</summary>
public sealed class JobMetric
{
    private JobMetric() { }

    /// <summary>A metrics row.</summary>
    public JobMetric(string jobId, int step, MetricSplit split, double epoch, Dictionary<string, double> values, DateTime now)
    {
        JobId = jobId;
        Step = step;
        Split = split;
        Epoch = epoch;
        Values = values;
        CreatedAt = now;
    }

    /// <summary>The job.</summary>
    public string JobId { get; private set; } = null!;

    /// <summary>Optimiser steps taken.</summary>
    public int Step { get; private set; }

    /// <summary>Train or eval.</summary>
    public MetricSplit Split { get; private set; }

    /// <summary>Passes over the training pairs so far, fractional.</summary>
    public double Epoch { get; private set; }

    /// <summary>Metric name to value (<see cref="MetricNames"/>).</summary>
    public Dictionary<string, double> Values { get; private set; } = null!;

    /// <summary>Moment, UTC.</summary>
    public DateTime CreatedAt { get; private set; }
}
