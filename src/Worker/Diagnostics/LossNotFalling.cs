using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using static TrainingService.Worker.Diagnostics.Finding;

namespace TrainingService.Worker.Diagnostics;

/// <summary>Supervised fine-tuning whose loss is after half of its steps what it was.</summary>
internal static class LossNotFalling
{
    private const int Window = 5;
    private const double ShareOfSteps = 0.5;

    // Half an epoch of a working adapter takes off ten per cent and more; batches differ by a few.
    private const double Same = 0.98;

    // A model that predicts nearly every token has nowhere to fall.
    private const double NearlyNothing = 0.1;

    public static Finding? Look(RunHistory run)
    {
        IReadOnlyList<double> losses = run.Train(MetricNames.Loss);
        if (run.Recipe.Method != TrainingMethod.Supervised || losses.Count < 2 * Window || run.Step < ShareOfSteps * run.TotalSteps) return null;
        (double start, double now) = (losses.MeanOfFirst(Window), losses.MeanOfLast(Window));
        if (now < Same * start || now < NearlyNothing) return null;
        double rate = run.Recipe.LearningRate;
        return new("loss_not_falling",
            $"After {run.Step} of {run.TotalSteps} steps the training loss is {Shown(now)}; it began at {Shown(start)}.",
            "The adapter learns little: the steps may be too small, or too few weights may be adapted.",
            $"Try a learning_rate of {Shown(rate * 3)} to {Shown(rate * 10)} (now {Shown(rate)}), target_modules \"all-linear\", or a larger r.")
        {
            Numbers = new Dictionary<string, double> { [MetricNames.Loss] = now, ["loss_at_start"] = start, [MetricNames.LearningRate] = rate },
        };
    }
}
