using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using static TrainingService.Worker.Diagnostics.Finding;

namespace TrainingService.Worker.Diagnostics;

/// <summary>After enough steps the policy still cannot tell chosen from rejected.</summary>
internal static class AccuracyAtChance
{
    // Over 200 pairs an accuracy of one half comes out within 0.1 of it 99 times in 100.
    private const int Pairs = 200;
    private const double NearHalf = 0.1;
    private const int FewestLogs = 3;

    // Many runs learn little in their first quarter, the warm-up for one.
    private const double ShareOfSteps = 0.25;

    public static Finding? Look(RunHistory run)
    {
        IReadOnlyList<double> accuracies = run.Train(MetricNames.RewardsAccuracies);
        int window = run.LogsOf(Pairs, FewestLogs);
        if (accuracies.Count < window || run.Step < ShareOfSteps * run.TotalSteps || run.Step <= run.Recipe.WarmupSteps) return null;
        double accuracy = accuracies.MeanOfLast(window);
        if (Math.Abs(accuracy - 0.5) >= NearHalf) return null;
        double rate = run.Recipe.LearningRate;
        return new("accuracy_at_chance",
            $"After {run.Step} of {run.TotalSteps} steps the reward accuracy is {Shown(accuracy)}, over the last {window * run.RowsALog} pairs: no better than a coin.",
            "The policy does not learn to tell chosen from rejected: the steps may be too small, or the labels may say nothing it can see.",
            $"Try a learning_rate of {Shown(rate * 3)} to {Shown(rate * 10)} (now {Shown(rate)}), target_modules \"all-linear\" or a larger r, and look at some rows: are the chosen answers the better ones, and not cut off?")
        {
            Numbers = new Dictionary<string, double> { [MetricNames.RewardsAccuracies] = accuracy, ["pairs"] = window * run.RowsALog, [MetricNames.LearningRate] = rate },
        };
    }
}
