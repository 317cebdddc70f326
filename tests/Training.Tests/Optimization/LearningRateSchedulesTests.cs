using System.Text.Json;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Optimization;

namespace TrainingService.Training.Tests.Optimization;

public sealed class LearningRateSchedulesTests
{
    [Theory]
    [InlineData(LearningRateSchedule.Linear, 0, 4, 0, 1)]
    [InlineData(LearningRateSchedule.Linear, 3, 4, 0, 0.25)]
    [InlineData(LearningRateSchedule.Linear, 4, 4, 0, 0)]
    [InlineData(LearningRateSchedule.Linear, 5, 4, 0, 0)]
    [InlineData(LearningRateSchedule.Linear, 0, 8, 2, 0)]
    [InlineData(LearningRateSchedule.Linear, 1, 8, 2, 0.5)]
    [InlineData(LearningRateSchedule.Linear, 2, 8, 2, 1)]
    [InlineData(LearningRateSchedule.Linear, 5, 8, 2, 0.5)]
    [InlineData(LearningRateSchedule.Linear, 3, 4, 4, 0.75)]
    [InlineData(LearningRateSchedule.Linear, 4, 4, 4, 0)]
    [InlineData(LearningRateSchedule.Linear, 3, 4, 10, 0.3)]
    [InlineData(LearningRateSchedule.Cosine, 0, 4, 0, 1)]
    [InlineData(LearningRateSchedule.Cosine, 2, 4, 0, 0.5)]
    [InlineData(LearningRateSchedule.Cosine, 4, 4, 0, 0)]
    [InlineData(LearningRateSchedule.Cosine, 1, 6, 2, 0.5)]
    [InlineData(LearningRateSchedule.Cosine, 4, 6, 2, 0.5)]
    [InlineData(LearningRateSchedule.Constant, 0, 4, 0, 1)]
    [InlineData(LearningRateSchedule.Constant, 9, 4, 0, 1)]
    [InlineData(LearningRateSchedule.ConstantWithWarmup, 1, 9, 4, 0.25)]
    [InlineData(LearningRateSchedule.ConstantWithWarmup, 9, 9, 4, 1)]
    public void Factor_AtItsEdges(LearningRateSchedule schedule, int step, int total, double warmup, double expected) =>
        Assert.Equal(expected, Factor(schedule, step, total, warmup), 15);

    [Theory]
    [InlineData(LearningRateSchedule.Cosine, 1, 4, 2.0, 0)] // two whole waves: down after a quarter
    [InlineData(LearningRateSchedule.Cosine, 2, 4, 2.0, 1)]
    [InlineData(LearningRateSchedule.CosineWithRestarts, 0, 8, null, 1)]
    [InlineData(LearningRateSchedule.CosineWithRestarts, 4, 8, null, 0.5)]
    [InlineData(LearningRateSchedule.CosineWithRestarts, 8, 8, null, 0)]
    [InlineData(LearningRateSchedule.CosineWithRestarts, 2, 8, 2.0, 0.5)]
    [InlineData(LearningRateSchedule.CosineWithRestarts, 4, 8, 2.0, 1)] // starts anew
    [InlineData(LearningRateSchedule.CosineWithRestarts, 6, 8, 2.0, 0.5)]
    public void Cycles_AreCountedAsTransformersDoes(LearningRateSchedule schedule, int step, int total, double? cycles, double expected) =>
        Assert.Equal(expected, Factor(schedule, step, total, 0, arguments: new() { NumCycles = cycles }), 15);

    [Theory]
    [InlineData(0, 1.0, 1e-3)]
    [InlineData(5, 1.0, 5e-4 + 5e-8)]
    [InlineData(10, 1.0, 1e-7)]
    [InlineData(12, 1.0, 1e-7)]
    [InlineData(5, 2.0, 0.25 * (1e-3 - 1e-7) + 1e-7)]
    public void Polynomial_EndsAtItsEnd(int step, double power, double expected) =>
        Assert.Equal(expected, 1e-3 * Factor(LearningRateSchedule.Polynomial, step, 10, 0, arguments: new() { Power = power }), 15);

    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(2, 1)]
    [InlineData(8, 0.5)] // √(2 / 8)
    [InlineData(32, 0.25)]
    public void InverseSquareRoot_IsStretchedByItsWarmup(int step, double expected) =>
        Assert.Equal(expected, Factor(LearningRateSchedule.InverseSqrt, step, 100, 2), 15);

    [Fact]
    public void InverseSquareRoot_WithoutWarmupOrByArgument_TakesItsTimescale()
    {
        Assert.Equal(1 / Math.Sqrt(2), Factor(LearningRateSchedule.InverseSqrt, 10_000, 20_000, 0), 15);
        Assert.Equal(0.5, Factor(LearningRateSchedule.InverseSqrt, 12, 100, 0, arguments: new() { Timescale = 4 }), 15);
    }

    [Theory]
    [InlineData(10, 0.25, 3)]
    [InlineData(10, 0.1, 1)]
    [InlineData(3, 0.001, 1)]
    public void WarmupBelowOne_IsAShareOfAllStepsRoundedUp(int total, double share, int steps)
    {
        Assert.Equal((steps - 1.0) / steps, Factor(LearningRateSchedule.Linear, steps - 1, total, share), 15);
        Assert.Equal(1, Factor(LearningRateSchedule.Linear, steps, total, share));
    }

    [Fact]
    public void LearningRates_OfEveryGoldenRun_EqualTransformers()
    {
        int compared = 0;
        foreach (string file in Directory.GetFiles(Golden.Path("training"), "run.json", SearchOption.AllDirectories))
        {
            JsonElement run = Golden.Json(file);
            JsonElement arguments = run.GetProperty("arguments");
            LearningRateSchedule schedule = arguments.TryGetProperty("lr_scheduler_type", out JsonElement type)
                ? Enum.Parse<LearningRateSchedule>(type.GetString()!.Replace("_", ""), ignoreCase: true)
                : LearningRateSchedule.Linear;
            double warmup = arguments.TryGetProperty("warmup_steps", out JsonElement steps) ? steps.GetDouble() : 0;
            foreach (JsonElement log in run.GetProperty("log").EnumerateArray())
            {
                if (!log.TryGetProperty("learning_rate", out JsonElement rate)) continue;
                double factor = Factor(schedule, log.GetProperty("step").GetInt32() - 1, run.GetProperty("steps").GetInt32(), warmup);
                Assert.Equal(rate.GetDouble(), arguments.GetProperty("learning_rate").GetDouble() * factor, 1e-18);
                compared++;
            }
        }
        Assert.True(compared > 100);
    }

    private static double Factor(LearningRateSchedule schedule, int step, int total, double warmup, double peak = 1e-3, ScheduleArguments? arguments = null) =>
        LearningRateSchedules.Factor(
            new TrainingRecipe { LearningRateSchedule = schedule, WarmupSteps = warmup, LearningRate = peak, ScheduleArguments = arguments ?? new() }, step, total);
}
