using System.Text.Json.Nodes;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Jobs;

namespace TrainingService.Api.FineTuning;

/// <summary>Something that happened to a job.</summary>
/// <param name="Id">The event's id.</param>
/// <param name="CreatedAt">Moment, Unix seconds.</param>
/// <param name="Level">info, warn or error.</param>
/// <param name="Message">The event in words.</param>
/// <param name="Type">message or metrics.</param>
/// <param name="Data">The event's numbers; an empty object when it has none.</param>
public sealed record EventObject(string Id, long CreatedAt, string Level, string Message, string Type, JsonObject Data)
{
    /// <summary>Always <c>fine_tuning.job.event</c>.</summary>
    /// <example>fine_tuning.job.event</example>
    public string Object => "fine_tuning.job.event";

    internal static EventObject Of(JobEvent e) =>
        new(e.Id, e.CreatedAt.ToUnixSeconds(), e.Level, e.Message, e.Type, JsonNode.Parse(e.Data ?? "{}")!.AsObject());
}
