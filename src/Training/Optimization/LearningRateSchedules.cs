using TrainingService.Domain.Recipes;

namespace TrainingService.Training.Optimization;

/// <summary>The learning rate over the steps as a factor of its peak: transformers' formulas.</summary>
internal static class LearningRateSchedules
{
    /// <summary>The factor of an optimiser step.</summary>
    /// <param name="schedule">The shape.</param>
    /// <param name="step">Steps already taken: the first step's is 0.</param>
    /// <param name="totalSteps">Steps in all.</param>
    /// <param name="warmupSteps">Steps of linear warm-up; below 1 a share of all steps, rounded up.</param>
    public static double Factor(LearningRateSchedule schedule, int step, int totalSteps, double warmupSteps)
    {
        if (schedule == LearningRateSchedule.Constant) return 1;
        int warmup = (int)(warmupSteps < 1 ? Math.Ceiling(totalSteps * warmupSteps) : warmupSteps);
        if (step < warmup) return (double)step / warmup;
        double decay = Math.Max(1, totalSteps - warmup);
        return schedule switch
        {
            LearningRateSchedule.Linear => Math.Max(0, (totalSteps - step) / decay),
            LearningRateSchedule.Cosine => Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * ((step - warmup) / decay)))),
            LearningRateSchedule.ConstantWithWarmup => 1,
            _ => throw new ArgumentOutOfRangeException(nameof(schedule), schedule, null),
        };
    }
}
