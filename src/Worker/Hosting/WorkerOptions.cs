using System.ComponentModel.DataAnnotations;

namespace TrainingService.Worker.Hosting;

/// <summary>How a worker runs jobs: configuration section <c>Worker</c>.</summary>
public sealed class WorkerOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string Section = "Worker";

    /// <summary>Jobs trained at once; they share the processor or GPU.</summary>
    [Range(1, 64)]
    public int Concurrency { get; set; } = 1;

    /// <summary>
    /// How long a job stays with its worker without a sign of life: a killed worker's job waits this long for the next
    /// one, and training survives a database that is away for less than this.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often progress is written, the lease renewed, and cancel and pause noticed.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:01:00")]
    public TimeSpan FlushInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How often the training state is saved: a killed worker's job loses at most this much work.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan StateInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How often the worker looks for jobs that nobody works on.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan SweepInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Attempts in a row that may bring a job no further, by a crash or a passing error, before it fails.</summary>
    [Range(1, 100)]
    public int MaxAttemptsWithoutProgress { get; set; } = 3;

    /// <summary>How long a job waits after an error that may pass before it is tried again; ten times as long after each further one in a row, at most a day.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a stopping worker may take to save its jobs' states.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(45);
}
