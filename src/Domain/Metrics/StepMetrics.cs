namespace TrainingService.Domain.Metrics;

/// <summary>Which rows a metric was computed on.</summary>
public enum MetricSplit
{
    /// <summary>Training pairs, in the middle of optimisation.</summary>
    Train,

    /// <summary>The validation file.</summary>
    Eval,
}

/// <summary>One log of the trainer: TRL's metric names (without the <c>eval_</c> prefix) and their values.</summary>
/// <param name="Step">Optimiser steps taken so far, from 1.</param>
/// <param name="Split">Train or eval.</param>
/// <param name="Epoch">Passes over the training pairs so far, fractional.</param>
/// <param name="Values">Metric name to value; all values are finite.</param>
public sealed record StepMetrics(int Step, MetricSplit Split, double Epoch, IReadOnlyDictionary<string, double> Values);
