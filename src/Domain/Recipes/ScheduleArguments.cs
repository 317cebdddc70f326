namespace TrainingService.Domain.Recipes;

/// <summary>What a shape of the learning rate takes besides the steps: transformers' <c>lr_scheduler_kwargs</c>. Null takes the shape's own default.</summary>
public sealed record ScheduleArguments
{
    /// <summary>What <see cref="LrEnd"/> is by default.</summary>
    public const double DefaultLrEnd = 1e-7;

    /// <summary>Cosines of <see cref="LearningRateSchedule.Cosine"/> (0.5: down to 0 once) or restarts of <see cref="LearningRateSchedule.CosineWithRestarts"/> (1).</summary>
    public double? NumCycles { get; init; }

    /// <summary>Exponent of <see cref="LearningRateSchedule.Polynomial"/>, 1.</summary>
    public double? Power { get; init; }

    /// <summary>Learning rate at the end of <see cref="LearningRateSchedule.Polynomial"/>, 1e-7.</summary>
    public double? LrEnd { get; init; }

    /// <summary>Steps that <see cref="LearningRateSchedule.InverseSqrt"/> is stretched by; the warm-up's, or 10000 without one.</summary>
    public int? Timescale { get; init; }
}
