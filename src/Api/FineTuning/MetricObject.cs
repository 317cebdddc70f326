using TrainingService.Api.Hosting;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;

namespace TrainingService.Api.FineTuning;

/// <summary>One log of a job's metrics.</summary>
/// <param name="Step">Optimiser steps taken.</param>
/// <param name="Split">train or eval.</param>
/// <param name="Epoch">Passes over the training pairs so far, fractional.</param>
/// <param name="CreatedAt">Moment, Unix seconds.</param>
/// <param name="Values">Metric name (TRL's, without the <c>eval_</c> prefix) to value.</param>
public sealed record MetricObject(int Step, string Split, double Epoch, long CreatedAt, IReadOnlyDictionary<string, double> Values)
{
    /// <summary>Always <c>fine_tuning.job.metric</c>.</summary>
    /// <example>fine_tuning.job.metric</example>
    public string Object => "fine_tuning.job.metric";

    internal static MetricObject Of(JobMetric m) => new(m.Step, WireNames.Of(m.Split), m.Epoch, m.CreatedAt.ToUnixSeconds(), m.Values);
}
