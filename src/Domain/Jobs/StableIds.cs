using System.Security.Cryptography;
using System.Text;

namespace TrainingService.Domain.Jobs;

/// <summary>
/// Ids that follow from what they name. A resumed job tells again what it told before its interruption; under the same id
/// that is the same row, so nothing stands twice.
/// </summary>
public static class StableIds
{
    /// <summary>Id of a job's event, told by its occasion, e.g. <c>step-10-train</c>.</summary>
    public static string Event(string jobId, string occasion) => "ftevent-" + Digest($"{jobId}/event/{occasion}");

    /// <summary>Id of the checkpoint that a job keeps after a step.</summary>
    public static string Checkpoint(string jobId, int step) => "ftckpt_" + Digest($"{jobId}/checkpoint/{step}");

    /// <summary>Id of a job's result file, told by its role, e.g. <c>adapter</c>.</summary>
    public static string ResultFile(string jobId, string role) => "file-" + Digest($"{jobId}/result/{role}");

    /// <summary>Id of the event that a job's end is, as endpoints are told of it.</summary>
    public static string WebhookEvent(string jobId, string type) => "evt_" + Digest($"{jobId}/webhook/{type}");

    /// <summary>Id of an event's delivery to an endpoint.</summary>
    public static string WebhookDelivery(string endpointId, string eventId) => "whd_" + Digest($"{endpointId}/delivery/{eventId}");

    private static string Digest(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..24];
}
