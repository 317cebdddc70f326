using System.ComponentModel.DataAnnotations;

namespace TrainingService.Api.RateLimits;

/// <summary>How fast one key may ask: configuration section <c>RateLimits</c>.</summary>
public sealed class RateLimitOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string Section = "RateLimits";

    /// <summary>
    /// Requests a key may make in a minute, all at once if it likes; requests without a usable key are counted by address.
    /// </summary>
    [Range(1, 1_000_000)]
    public int RequestsPerMinute { get; set; } = 600;

    /// <summary>Streams of events, which ask the database again and again, that a key may have open at once.</summary>
    [Range(1, 100_000)]
    public int Streams { get; set; } = 64;
}
