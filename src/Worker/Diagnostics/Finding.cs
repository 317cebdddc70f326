using System.Globalization;

namespace TrainingService.Worker.Diagnostics;

/// <summary>A symptom that showed.</summary>
/// <param name="Symptom">Its name, for programs.</param>
/// <param name="Observation">What the figures are.</param>
/// <param name="Meaning">What they may mean.</param>
/// <param name="Suggestion">What to try.</param>
internal sealed record Finding(string Symptom, string Observation, string Meaning, string Suggestion)
{
    /// <summary>The figures, by name.</summary>
    public required IReadOnlyDictionary<string, double> Numbers { get; init; }

    /// <summary>All of it in words.</summary>
    public string Message => $"{Observation} {Meaning} {Suggestion}";

    /// <summary>A figure as it stands in a sentence.</summary>
    public static string Shown(double value) => value.ToString(Math.Abs(value) is > 0 and < 0.001 ? "0.##E0" : "0.###", CultureInfo.InvariantCulture);

    /// <summary>A share as it stands in a sentence.</summary>
    public static string Percent(double share) => (100 * share).ToString("0", CultureInfo.InvariantCulture) + " %";
}
