using System.Text.Json.Nodes;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;

namespace TrainingService.Worker.Results;

/// <summary>A job's metrics as JSON Lines: an object for each log, under TRL's names.</summary>
internal static class MetricsJsonLines
{
    public static void Write(TextWriter writer, IReadOnlyList<StepMetrics> logs)
    {
        foreach (StepMetrics log in logs)
        {
            var line = new JsonObject { ["step"] = log.Step, ["split"] = WireNames.Of(log.Split), ["epoch"] = log.Epoch };
            foreach ((string name, double value) in log.Values.OrderBy(v => v.Key, StringComparer.Ordinal)) line[name] = value;
            writer.WriteLine(line.ToJsonString());
        }
    }
}
