using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using static TrainingService.Worker.Diagnostics.Finding;

namespace TrainingService.Worker.Diagnostics;

/// <summary>
/// Margins grow while the chosen answers themselves become less likely (Pal et al., 2024, arXiv 2402.13228; Razin et al., 2024,
/// arXiv 2410.08847). Read from the rewards: β · (log π − log π_ref) does not depend on which rows a log happens to hold.
/// </summary>
internal static class FallingChosen
{
    // A token of a good answer at 90 % of the likelihood it had; common small shifts stay below.
    private const double NatsAToken = 0.1;
    private const int Window = 3;

    public static Finding? Look(RunHistory run)
    {
        IReadOnlyList<double> rewards = run.Train(MetricNames.RewardsChosen), margins = run.Train(MetricNames.RewardsMargins);
        bool isLogRatio = run.Recipe is { HasReference: true, FDivergenceType: FDivergenceType.ReverseKl };
        if (!isLogRatio || run.Rows.ChosenTokens == 0 || rewards.Count < 2 * Window || margins.Count < 2 * Window) return null;
        (double before, double now) = (rewards.MeanOfLast(Window, before: Window), rewards.MeanOfLast(Window));
        (double marginBefore, double margin) = (margins.MeanOfLast(Window, before: Window), margins.MeanOfLast(Window));
        double nats = -now / run.Recipe.Beta, natsAToken = nats / run.Rows.ChosenTokens;
        if (now >= before || margin <= marginBefore || natsAToken < NatsAToken) return null;
        bool canAddTerm = run.Recipe is { Method: TrainingMethod.Dpo } recipe && !recipe.LossTypes.Contains(LossType.Sft);
        return new("chosen_less_likely",
            $"The chosen answers have become less likely: by {Shown(nats)} nats on average, {Shown(natsAToken)} a token, while the reward margin grew from {Shown(marginBefore)} to {Shown(margin)}.",
            "The margin comes from pushing the rejected answers down further, and what rises instead may be neither of the two.",
            (canAddTerm ? "Add the cross-entropy of the chosen answers with loss_type [\"sigmoid\", \"sft\"], or try" : "Try")
                + $" a lower learning_rate (now {Shown(run.Recipe.LearningRate)}) or a larger beta (now {Shown(run.Recipe.Beta)}); pairs that differ in few words suffer most.")
        {
            Numbers = new Dictionary<string, double>
            {
                [MetricNames.RewardsChosen] = now, [MetricNames.RewardsMargins] = margin, ["nats"] = nats, ["nats_a_token"] = natsAToken,
            },
        };
    }
}
