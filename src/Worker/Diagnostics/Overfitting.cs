using TrainingService.Domain.Metrics;
using static TrainingService.Worker.Diagnostics.Finding;

namespace TrainingService.Worker.Diagnostics;

/// <summary>Evaluations get worse while training goes on.</summary>
internal static class Overfitting
{
    // Two evaluations in a row past the best one: a single one may be noise.
    private const int Since = 2;

    private const double LossRise = 0.05;

    // Two standard errors of an accuracy are at most 1/√n.
    private const double AccuracyFall = 0.05;

    public static Finding? Look(RunHistory run) =>
        Worse(run, MetricNames.Loss, sign: -1, (best, now) => now - best > LossRise * Math.Abs(best))
        ?? Worse(run, MetricNames.RewardsAccuracies, sign: 1, (best, now) => best - now > Math.Max(AccuracyFall, 1 / Math.Sqrt(Math.Max(1, run.Rows.EvaluatedRows))));

    private static Finding? Worse(RunHistory run, string metric, int sign, Func<double, double, bool> isWorse)
    {
        IReadOnlyList<double> evals = run.Eval(metric);
        if (evals.Count <= Since) return null;
        double best = evals.Max(v => sign * v) * sign, now = evals[^1];
        if (!evals.TakeLast(Since).All(v => isWorse(best, v))) return null;
        int step = run.Logs.First(m => m.Split == MetricSplit.Eval && m.Values.TryGetValue(metric, out double value) && value == best).Step;
        string words = metric == MetricNames.Loss ? "loss" : "reward accuracy";
        return new("overfitting",
            $"The validation {words} was best at step {step} with {Shown(best)} and is {Shown(now)} now, at step {run.Step}.",
            "The model learns the training rows by heart and does worse on rows it has not seen.",
            "Set load_best_model_at_end and early_stopping_patience, or train for fewer epochs, with a lower learning_rate, or with lora_dropout 0.05 to 0.1; more rows help most.")
        {
            Numbers = new Dictionary<string, double> { ["best"] = best, ["best_step"] = step, ["now"] = now },
        };
    }
}
