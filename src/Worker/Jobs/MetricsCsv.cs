using System.Globalization;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;

namespace TrainingService.Worker.Jobs;

/// <summary>A job's metrics as a table: a row for each log, a column for each metric, empty where a log has none.</summary>
internal static class MetricsCsv
{
    public static void Write(TextWriter writer, IReadOnlyList<JobMetric> metrics)
    {
        string[] names = [.. metrics.SelectMany(m => m.Values.Keys).Distinct().Order(StringComparer.Ordinal)];
        writer.WriteLine(string.Join(',', ["step", "split", "epoch", .. names]));
        foreach (JobMetric row in metrics)
            writer.WriteLine(string.Join(',', [
                row.Step.ToString(CultureInfo.InvariantCulture), WireNames.Of(row.Split), Shown(row.Epoch),
                .. names.Select(name => row.Values.TryGetValue(name, out double value) ? Shown(value) : "")]));
    }

    private static string Shown(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
