using TrainingService.Domain.Metrics;

namespace TrainingService.Worker.Diagnostics;

/// <summary>No gradient reaches the adapter from the first step on.</summary>
internal static class NothingTrains
{
    // A fresh adapter's gradient is exactly 0 for a batch that teaches nothing; three such logs from the start are no accident.
    private const int Logs = 3;

    public static Finding? Look(RunHistory run)
    {
        IReadOnlyList<double> norms = run.Train(MetricNames.GradNorm);
        if (norms.Count < Logs || norms.Take(Logs).Any(n => n != 0)) return null;
        return new("nothing_trains",
            $"The gradient's norm is 0 in the first {Logs} logs.",
            "Nothing is being trained: chosen and rejected may be the same after truncation, or the adapter may not touch what the loss depends on.",
            "Look at the rows by POST /v1/fine_tuning/jobs/validate, raise max_length, and check target_modules and layers_to_transform.")
        {
            Numbers = new Dictionary<string, double> { [MetricNames.GradNorm] = 0, ["logs"] = Logs },
        };
    }
}
