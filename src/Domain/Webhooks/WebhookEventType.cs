using TrainingService.Domain.Jobs;

namespace TrainingService.Domain.Webhooks;

/// <summary>What endpoints are told of.</summary>
public static class WebhookEventType
{
    /// <summary>A client wants to see whether messages arrive.</summary>
    public const string Test = "webhook.test";

    /// <summary>What an endpoint may subscribe to: the ends of jobs.</summary>
    public static IReadOnlyList<string> All { get; } = [Of(JobStatus.Succeeded), Of(JobStatus.Failed), Of(JobStatus.Cancelled)];

    /// <summary>The event of a job's end.</summary>
    /// <param name="ended">How it ended.</param>
    public static string Of(JobStatus ended) => ended switch
    {
        JobStatus.Succeeded => "fine_tuning.job.succeeded",
        JobStatus.Failed => "fine_tuning.job.failed",
        JobStatus.Cancelled => "fine_tuning.job.cancelled",
        _ => throw new ArgumentOutOfRangeException(nameof(ended), ended, "Endpoints are told of a job's end only."),
    };
}
