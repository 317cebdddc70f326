using System.ComponentModel.DataAnnotations;

namespace TrainingService.Api.Inference;

/// <summary>Where models answer: configuration section <c>Inference</c>.</summary>
public sealed class InferenceOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string Section = "Inference";

    /// <summary>Base address of a worker, e.g. <c>http://worker:8080</c>; null when there is none.</summary>
    public Uri? WorkerUrl { get; set; }

    /// <summary>
    /// Silence after which a worker is given up: an answer that is not streamed is silent until it is whole. OpenAI's SDKs
    /// wait as long.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMinutes(10);
}
