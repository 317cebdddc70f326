using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using static TrainingService.Worker.Diagnostics.Finding;

namespace TrainingService.Worker.Diagnostics;

/// <summary>The steps are longer than the loss is smooth: it jumps, the gradient spikes, or what was learnt is lost again.</summary>
internal static class RateTooHigh
{
    // A policy at its reference has a loss of ln 2; twice that is what a wrong margin of 1.1 on every pair costs.
    private const double LossTimesStart = 2;
    private const int LossLogs = 3;

    // Gradient norms of healthy runs stay within a factor of three or four of their beginning (every run of tests/golden does).
    private const double SpikeTimesMedian = 10;
    private const int Baseline = 5, Recent = 10, Spikes = 2;

    // Over 60 pairs an accuracy of 0.7 and one of 0.5 are three standard errors apart.
    private const double Learnt = 0.7, Lost = 0.5;
    private const int PairsOfAccuracy = 60, WindowsBack = 10;

    public static Finding? Look(RunHistory run) => LossJumps(run) ?? GradientSpikes(run) ?? AccuracyCollapses(run);

    private static Finding? LossJumps(RunHistory run)
    {
        IReadOnlyList<double> losses = run.Train(MetricNames.Loss);
        if (losses.Count <= LossLogs) return null;
        bool startIsKnown = run.Recipe is { Method: TrainingMethod.Dpo, LossTypes: [LossType.Sigmoid] };
        double start = startIsKnown ? Math.Log(2) : losses[0], now = losses.MeanOfLast(LossLogs);
        if (start <= 0 || now < LossTimesStart * start) return null;
        return Of(run, $"The training loss of the last {LossLogs} logs is {Shown(now)}; it began at {Shown(start)}.",
            new() { [MetricNames.Loss] = now, ["loss_at_start"] = start });
    }

    private static Finding? GradientSpikes(RunHistory run)
    {
        IReadOnlyList<double> norms = run.Train(MetricNames.GradNorm);
        if (norms.Count <= Baseline) return null;
        double usual = norms.Take(Baseline).Median();
        double[] spikes = [.. norms.Skip(Math.Max(Baseline, norms.Count - Recent)).Where(n => n > SpikeTimesMedian * usual)];
        if (usual <= 0 || spikes.Length < Spikes) return null;
        return Of(run, $"The gradient's norm rose to {Shown(spikes.Max())}; it was {Shown(usual)} at the beginning.",
            new() { [MetricNames.GradNorm] = spikes.Max(), ["grad_norm_at_start"] = usual });
    }

    private static Finding? AccuracyCollapses(RunHistory run)
    {
        IReadOnlyList<double> accuracies = run.Train(MetricNames.RewardsAccuracies);
        int window = run.LogsOf(PairsOfAccuracy, atLeast: LossLogs);
        if (accuracies.Count < 2 * window) return null;
        double now = accuracies.MeanOfLast(window), best = 0;
        for (int before = window; before <= WindowsBack * window && before + window <= accuracies.Count; before += window)
            best = Math.Max(best, accuracies.MeanOfLast(window, before));
        if (best < Learnt || now > Lost) return null;
        return Of(run, $"Reward accuracy fell from {Shown(best)} to {Shown(now)}.",
            new() { [MetricNames.RewardsAccuracies] = now, ["best_accuracy"] = best });
    }

    private static Finding Of(RunHistory run, string observation, Dictionary<string, double> numbers)
    {
        double rate = run.Recipe.LearningRate;
        numbers[MetricNames.LearningRate] = rate;
        return new("learning_rate_too_high", observation,
            $"The learning rate of {Shown(rate)} may be too high for this adapter (r {run.Recipe.Lora.Rank}, lora_alpha {Shown(run.Recipe.Lora.Alpha)}).",
            $"Try a learning_rate of {Shown(rate / 10)} to {Shown(rate / 3)}, warmup_steps 0.1, or a larger batch (gradient_accumulation_steps).")
        {
            Numbers = numbers,
        };
    }
}
