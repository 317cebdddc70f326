using System.Text.Json.Nodes;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Jobs;

namespace TrainingService.Api.FineTuning;

/// <summary>The adapter of a job after some of its steps.</summary>
/// <param name="Id">The checkpoint's id.</param>
/// <param name="CreatedAt">Moment, Unix seconds.</param>
/// <param name="FineTunedModelCheckpoint">Name of the model that base and checkpoint make.</param>
/// <param name="FineTuningJobId">The job.</param>
/// <param name="StepNumber">Optimiser steps taken.</param>
/// <param name="Metrics">The newest metrics at that step.</param>
public sealed record CheckpointObject(string Id, long CreatedAt, string FineTunedModelCheckpoint, string FineTuningJobId, int StepNumber, JsonObject Metrics)
{
    /// <summary>Always <c>fine_tuning.job.checkpoint</c>.</summary>
    /// <example>fine_tuning.job.checkpoint</example>
    public string Object => "fine_tuning.job.checkpoint";

    internal static CheckpointObject Of(JobCheckpoint c) =>
        new(c.Id, c.CreatedAt.ToUnixSeconds(), c.ModelName, c.JobId, c.Step, JsonNode.Parse(c.Metrics)!.AsObject());
}
