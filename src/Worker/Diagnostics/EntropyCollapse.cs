using TrainingService.Domain.Metrics;
using static TrainingService.Worker.Diagnostics.Finding;

namespace TrainingService.Worker.Diagnostics;

/// <summary>The policy is all but certain of every token: answers lose their variety.</summary>
internal static class EntropyCollapse
{
    private const int Window = 3;

    // Training sharpens a policy; to a fifth within one run it hardly does without repeating itself.
    private const double ShareOfStart = 0.2;

    // Models that are as certain from the start lose nothing.
    private const double CertainFromTheStart = 0.05;

    public static Finding? Look(RunHistory run)
    {
        IReadOnlyList<double> entropies = run.Train(MetricNames.Entropy);
        if (entropies.Count < 2 * Window) return null;
        (double start, double now) = (entropies.MeanOfFirst(Window), entropies.MeanOfLast(Window));
        if (start < CertainFromTheStart || now > ShareOfStart * start) return null;
        return new("entropy_collapse",
            $"The entropy of the model's next tokens has fallen from {Shown(start)} to {Shown(now)} nats.",
            "The model has become nearly certain of every token; its answers will be much alike and may repeat themselves.",
            $"Train for fewer epochs or with a lower learning_rate (now {Shown(run.Recipe.LearningRate)}), on more varied rows; neftune_noise_alpha 5 or lora_dropout 0.1 hold against it.")
        {
            Numbers = new Dictionary<string, double> { [MetricNames.Entropy] = now, ["entropy_at_start"] = start },
        };
    }
}
