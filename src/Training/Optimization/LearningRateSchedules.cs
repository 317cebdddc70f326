using TrainingService.Domain.Recipes;

namespace TrainingService.Training.Optimization;

/// <summary>The learning rate over the steps as a factor of its peak: transformers' formulas.</summary>
internal static class LearningRateSchedules
{
    /// <summary>Steps that the inverse square root is stretched by when there is no warm-up.</summary>
    private const int DefaultTimescale = 10_000;

    /// <summary>The factor of an optimiser step.</summary>
    /// <param name="recipe">The shape, what it takes, and the warm-up: below 1 a share of all steps, rounded up.</param>
    /// <param name="step">Steps already taken: the first step's is 0.</param>
    /// <param name="totalSteps">Steps in all.</param>
    public static double Factor(TrainingRecipe recipe, int step, int totalSteps)
    {
        if (recipe.LearningRateSchedule == LearningRateSchedule.Constant) return 1;
        int warmup = (int)(recipe.WarmupSteps < 1 ? Math.Ceiling(totalSteps * recipe.WarmupSteps) : recipe.WarmupSteps);
        if (step < warmup) return (double)step / warmup;
        double decay = Math.Max(1, totalSteps - warmup), progress = (step - warmup) / decay;
        ScheduleArguments given = recipe.ScheduleArguments;
        return recipe.LearningRateSchedule switch
        {
            LearningRateSchedule.Linear => Math.Max(0, (totalSteps - step) / decay),
            LearningRateSchedule.Cosine => Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (given.NumCycles ?? 0.5) * 2 * progress))),
            LearningRateSchedule.CosineWithRestarts => progress >= 1 ? 0 : Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * ((given.NumCycles ?? 1) * progress % 1)))),
            LearningRateSchedule.Polynomial => Polynomial(recipe.LearningRate, given.LrEnd ?? ScheduleArguments.DefaultLrEnd, given.Power ?? 1, Math.Min(1, progress)),
            LearningRateSchedule.ConstantWithWarmup => 1,
            LearningRateSchedule.InverseSqrt => InverseSqrt(step, warmup, given.Timescale ?? (warmup > 0 ? warmup : DefaultTimescale)),
            _ => throw new ArgumentOutOfRangeException(nameof(recipe), recipe.LearningRateSchedule, null),
        };
    }

    private static double Polynomial(double peak, double end, double power, double progress) => ((peak - end) * Math.Pow(1 - progress, power) + end) / peak;

    private static double InverseSqrt(int step, int warmup, int timescale) => 1 / Math.Sqrt((double)(step + timescale - warmup) / timescale);
}
