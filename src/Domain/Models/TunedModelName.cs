namespace TrainingService.Domain.Models;

/// <summary>Names of tuned models, <c>ft:base:organisation:suffix:id</c>, and of their checkpoints, <c>…:ckpt-step-90</c>.</summary>
public static class TunedModelName
{
    /// <summary>The organisation part of every name: a self-hosted service has one.</summary>
    public const string Organization = "local";

    /// <summary>Name of the model that a job makes.</summary>
    /// <param name="model">Id of the model the job starts from.</param>
    /// <param name="suffix">The job's suffix, or null.</param>
    /// <param name="jobId">The job's id.</param>
    public static string Of(string model, string? suffix, string jobId)
    {
        // A tuned model as a start would nest the name; its base says enough.
        string root = model.StartsWith("ft:", StringComparison.Ordinal) ? model.Split(':')[1] : model;
        return $"ft:{root}:{Organization}:{suffix}:{jobId[(jobId.IndexOf('-', StringComparison.Ordinal) + 1)..]}";
    }

    /// <summary>Name of a checkpoint of the model <paramref name="tunedModel"/>.</summary>
    public static string Checkpoint(string tunedModel, int step) => $"{tunedModel}:ckpt-step-{step}";

    /// <summary>Id of the job that made a model or checkpoint, which its name ends with.</summary>
    public static string JobOf(string name)
    {
        const string Checkpoint = ":ckpt-step-";
        int at = name.LastIndexOf(Checkpoint, StringComparison.Ordinal);
        // A suffix may hold the same words; only at the name's end is a number all that follows.
        string tuned = at >= 0 && name.AsSpan(at + Checkpoint.Length).IndexOfAnyExceptInRange('0', '9') < 0 ? name[..at] : name;
        return $"ftjob-{tuned[(tuned.LastIndexOf(':') + 1)..]}";
    }
}
