using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using static TrainingService.Worker.Diagnostics.Finding;

namespace TrainingService.Worker.Diagnostics;

/// <summary>Margins without bound, or a loss that has nothing left to teach: the training pairs are known by heart.</summary>
internal static class Overconfidence
{
    // Where users report broken models (huggingface/trl#1236); the sigmoid of 15 differs from 1 by 3e-7.
    private const double Margin = 15;
    private const int MarginLogs = 3;

    // −log σ(margin) is 0.01 at a margin of 4.6.
    private const double NoLoss = 0.01;
    private const int LossLogs = 5;

    private const string Suggestion = "Train for fewer epochs, with a lower learning_rate or a larger beta; give a validation_file or validation_split and early_stopping_patience to stop where it helps no more.";

    public static Finding? Look(RunHistory run)
    {
        IReadOnlyList<double> margins = run.Train(MetricNames.RewardsMargins), losses = run.Train(MetricNames.Loss);
        // Without a reference a margin holds what the model thought of the pair from the start.
        if (run.Recipe.HasReference && margins.Count >= MarginLogs && margins.MeanOfLast(MarginLogs) is var margin && margin > Margin)
            return new("overconfident",
                $"The reward margin has grown to {Shown(margin)}.",
                "Beyond 15 the model tells the training pairs apart with more certainty than any pair deserves; this is overfitting, and answers often degenerate.",
                Suggestion)
            {
                Numbers = new Dictionary<string, double> { [MetricNames.RewardsMargins] = margin },
            };
        bool isLogistic = run.Recipe is { Method: TrainingMethod.Dpo, LabelSmoothing: 0, LossTypes: [LossType.Sigmoid or LossType.SigmoidNorm] };
        if (isLogistic && losses.Count >= LossLogs && losses.MeanOfLast(LossLogs) is var loss && loss < NoLoss)
            return new("overconfident",
                $"The training loss has come down to {Shown(loss)}.",
                "There is nothing left to learn from the training pairs; going on only pushes the model further from its reference.",
                Suggestion)
            {
                Numbers = new Dictionary<string, double> { [MetricNames.Loss] = loss },
            };
        return null;
    }
}
