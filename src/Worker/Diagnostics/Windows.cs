namespace TrainingService.Worker.Diagnostics;

/// <summary>Means over a stretch of a series: one log alone is one batch's luck.</summary>
internal static class Windows
{
    public static double MeanOfFirst(this IReadOnlyList<double> series, int logs) => series.Take(logs).Average();

    /// <param name="series">Values, oldest first.</param>
    /// <param name="logs">How many.</param>
    /// <param name="before">How many newer ones are left out.</param>
    public static double MeanOfLast(this IReadOnlyList<double> series, int logs, int before = 0)
    {
        double sum = 0;
        for (int i = series.Count - before - logs; i < series.Count - before; i++) sum += series[i];
        return sum / logs;
    }

    public static double Median(this IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered.Length % 2 == 1 ? ordered[ordered.Length / 2] : (ordered[ordered.Length / 2 - 1] + ordered[ordered.Length / 2]) / 2;
    }
}
