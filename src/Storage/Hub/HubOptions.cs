using System.ComponentModel.DataAnnotations;

namespace TrainingService.Storage.Hub;

/// <summary>How models are fetched: the variables <c>HF_ENDPOINT</c> and <c>HF_TOKEN</c>, as Hugging Face's own tools read them, and section <c>Hub</c>.</summary>
public sealed class HubOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string Section = "Hub";

    /// <summary>The Hub's address: <c>HF_ENDPOINT</c>.</summary>
    public Uri Endpoint { get; internal set; } = new("https://huggingface.co");

    /// <summary>Opens gated and private models, and is sent to the endpoint alone: <c>HF_TOKEN</c>.</summary>
    public string? Token { get; internal set; }

    /// <summary>Connections that fetch parts of one file at once.</summary>
    [Range(1, 32)]
    public int Connections { get; set; } = 4;

    /// <summary>Length of the parts of a large file.</summary>
    [Range(1, 1L << 30)]
    public long PartBytes { get; set; } = 32L << 20;

    /// <summary>Silence after which a connection counts as broken.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Attempts in a row that may bring a file no further.</summary>
    [Range(1, 100)]
    public int MaxAttempts { get; set; } = 6;
}
