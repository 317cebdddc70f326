using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using static TrainingService.Worker.Diagnostics.Finding;

namespace TrainingService.Worker.Diagnostics;

/// <summary>
/// KTO weighs each reward against its estimate of the divergence (kl), which is cut off below 0. Stuck there it is no point of
/// comparison, and far above all rewards every row looks bad and none teaches.
/// </summary>
internal static class DivergenceEstimate
{
    private const int Logs = 10;

    // A policy that has not moved has a divergence of 0 rightly: one nat of log-ratio is a move.
    private const double MovedNats = 1;

    // σ(−5) = 0.7 %: the gradient of every row is all but gone.
    private const double Saturated = 5;
    private const int SaturatedLogs = 3;

    public static Finding? Look(RunHistory run)
    {
        IReadOnlyList<double> estimates = run.Train(MetricNames.Kl);
        if (run.Recipe is not { Method: TrainingMethod.Kto, KtoLossType: KtoLossType.Kto, Beta: var beta } || estimates.Count < SaturatedLogs) return null;
        double recent = estimates.MeanOfLast(SaturatedLogs);
        if (beta * recent > Saturated)
            return new("kl_exploding",
                $"The estimate of the divergence from the reference (kl) is {Shown(recent)} nats, {Shown(beta * recent)} with beta.",
                "The policy has gone far from its reference; against such a point of comparison hardly any row teaches.",
                $"Try a lower learning_rate (now {Shown(run.Recipe.LearningRate)}) or a larger beta (now {Shown(beta)}).")
            {
                Numbers = new Dictionary<string, double> { [MetricNames.Kl] = recent },
            };

        IReadOnlyList<double> rewards = run.Train(MetricNames.RewardsChosen);
        if (estimates.Count < Logs || rewards.Count < SaturatedLogs || estimates.TakeLast(Logs).Any(e => e > 0)) return null;
        double moved = rewards.MeanOfLast(SaturatedLogs) / beta;
        if (Math.Abs(moved) < MovedNats) return null;
        return new("kl_at_zero",
            $"The estimate of the divergence from the reference (kl) is 0 in the last {Logs} logs, though rows with a thumb up have moved by {Shown(moved)} nats.",
            "Mismatched answers have all become less likely, so KTO's point of comparison stands still.",
            $"A larger batch_size (now {run.Recipe.BatchSize}) makes a better estimate; loss_type apo_zero_unpaired needs none.")
        {
            Numbers = new Dictionary<string, double> { [MetricNames.Kl] = 0, ["nats"] = moved, ["batch_size"] = run.Recipe.BatchSize },
        };
    }
}
