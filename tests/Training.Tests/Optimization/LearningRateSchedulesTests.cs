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
        Assert.Equal(expected, LearningRateSchedules.Factor(schedule, step, total, warmup), 15);

    [Theory]
    [InlineData(10, 0.25, 3)]
    [InlineData(10, 0.1, 1)]
    [InlineData(3, 0.001, 1)]
    public void WarmupBelowOne_IsAShareOfAllStepsRoundedUp(int total, double share, int steps)
    {
        Assert.Equal((steps - 1.0) / steps, LearningRateSchedules.Factor(LearningRateSchedule.Linear, steps - 1, total, share), 15);
        Assert.Equal(1, LearningRateSchedules.Factor(LearningRateSchedule.Linear, steps, total, share));
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
                double factor = LearningRateSchedules.Factor(schedule, log.GetProperty("step").GetInt32() - 1, run.GetProperty("steps").GetInt32(), warmup);
                Assert.Equal(rate.GetDouble(), arguments.GetProperty("learning_rate").GetDouble() * factor, 1e-18);
                compared++;
            }
        }
        Assert.True(compared > 100);
    }
}
