using System.ComponentModel.DataAnnotations;

namespace TrainingService.Api.Hosting;

/// <summary>Settings of the API, section <c>Api</c> of the configuration.</summary>
public sealed class ApiOptions
{
    /// <summary>Largest file of an upload, bytes.</summary>
    [Range(1, long.MaxValue)]
    public long MaxUploadBytes { get; set; } = 512L << 20;

    /// <summary>Jobs validated at once; each takes a core while it reads its files, and more wait.</summary>
    [Range(1, 64)]
    public int MaxValidations { get; set; } = 2;

    /// <summary>How often an event stream looks for new events.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00")]
    public TimeSpan EventPollInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Silence after which an event stream sends a comment, so that proxies keep it open.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan EventHeartbeat { get; set; } = TimeSpan.FromSeconds(15);
}
