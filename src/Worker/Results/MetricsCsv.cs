using System.Globalization;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;

namespace TrainingService.Worker.Results;

/// <summary>A job's metrics as a table: a row for each log, a column for each metric, empty where a log has none.</summary>
internal static class MetricsCsv
{
    public static void Write(TextWriter writer, IReadOnlyList<StepMetrics> logs)
    {
        string[] names = [.. logs.SelectMany(m => m.Values.Keys).Distinct().Order(StringComparer.Ordinal)];
        writer.WriteLine(string.Join(',', ["step", "split", "epoch", .. names]));
        foreach (StepMetrics log in logs)
            writer.WriteLine(string.Join(',', [
                log.Step.ToString(CultureInfo.InvariantCulture), WireNames.Of(log.Split), Shown(log.Epoch),
                .. names.Select(name => log.Values.TryGetValue(name, out double value) ? Shown(value) : "")]));
    }

    private static string Shown(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
