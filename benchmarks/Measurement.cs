namespace TrainingService.Benchmarks;

/// <summary>What a way of training took.</summary>
/// <param name="Way">packed or padded.</param>
/// <param name="StepSeconds">Seconds of each timed step, its reference pass included only where it is made every step.</param>
/// <param name="ReferenceSeconds">Seconds of a step's reference pass where it is made once.</param>
/// <param name="PairsPerSecond">Pairs / (median step + reference / epochs).</param>
/// <param name="TokensPerSecond">Input tokens, the prompt counted for chosen and for rejected.</param>
/// <param name="PeakMebibytes">Largest resident memory of the process.</param>
/// <param name="Losses">The loss of each step.</param>
/// <param name="LogpsChosen">Mean log-probability of the first step's chosen completions.</param>
/// <param name="LogpsRejected">Likewise of its rejected ones.</param>
internal sealed record Measurement(
    string Way,
    IReadOnlyList<double> StepSeconds,
    double ReferenceSeconds,
    double PairsPerSecond,
    double TokensPerSecond,
    double PeakMebibytes,
    IReadOnlyList<double> Losses,
    double LogpsChosen,
    double LogpsRejected)
{
    public static double Quantile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        double at = share * (sorted.Length - 1);
        int below = (int)at;
        return below + 1 < sorted.Length ? sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }

    public static double PeakOfThisProcess()
    {
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.PeakWorkingSet64 / 1048576.0;
    }
}
