using System.ComponentModel.DataAnnotations;
using TrainingService.Domain.Recipes;

namespace TrainingService.Inference.Hosting;

/// <summary>How models answer: configuration section <c>Inference</c>.</summary>
public sealed class InferenceOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string Section = "Inference";

    /// <summary>
    /// Type of weights and arithmetic. By default bfloat16 on a GPU, and on a CPU float32 for models under a billion
    /// parameters: they fit, and answer exactly as the training's own numbers say. Larger ones take bfloat16, half the memory.
    /// </summary>
    public ComputeType? Dtype { get; set; }

    /// <summary>Whether linear layers are kept as NF4, as jobs with <c>load_in_4bit</c> train on them: less memory, slower, and other answers than the full weights'.</summary>
    public bool LoadIn4Bit { get; set; }

    /// <summary>How long a model stays loaded after its last answer.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "30.00:00:00")]
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Models loaded at once, tuned ones counted like their bases; the one unused for longest makes room.</summary>
    [Range(1, 1000)]
    public int MaxLoadedModels { get; set; } = 3;

    /// <summary>Answers that one model writes at once; more wait.</summary>
    [Range(1, 4096)]
    public int MaxConcurrentAnswers { get; set; } = 64;

    /// <summary>Answers that may wait for one model; a request beyond is told to come again.</summary>
    [Range(1, 1_000_000)]
    public int MaxWaitingAnswers { get; set; } = 1024;
}
