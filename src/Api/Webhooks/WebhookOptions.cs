using System.ComponentModel.DataAnnotations;

namespace TrainingService.Api.Webhooks;

/// <summary>How webhooks are sent: configuration section <c>Webhooks</c>.</summary>
public sealed class WebhookOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string Section = "Webhooks";

    /// <summary>Whether endpoints may lie on this machine or in a private network. Then whoever may create an endpoint can make this service send requests there.</summary>
    public bool AllowPrivateAddresses { get; set; }

    /// <summary>Whether endpoints may be plain http: messages can then be read and changed on the way.</summary>
    public bool AllowHttp { get; set; }

    /// <summary>How long an endpoint may take to answer.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How often messages that are due are looked for.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Most endpoints an owner may have.</summary>
    [Range(1, 1000)]
    public int MaxEndpoints { get; set; } = 20;
}
