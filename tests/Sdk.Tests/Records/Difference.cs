namespace TrainingService.Sdk.Tests.Records;

/// <summary>Where an answer of this service may differ from a recorded one; docs/openai.md gives the reasons.</summary>
/// <param name="Object">The object's kind, its <c>object</c> field; <c>error</c> for the body of an error.</param>
/// <param name="Field">Path of the field in it; a last <c>*</c> stands for every field there.</param>
/// <param name="How">What differs.</param>
internal sealed record Difference(string Object, string Field, DifferenceKind How)
{
    public static IReadOnlyList<Difference> All { get; } =
    [
        new("file", "sha256", DifferenceKind.Added),
        new("file", "dataset", DifferenceKind.Added),
        new("list", "first_id", DifferenceKind.Added),
        new("list", "last_id", DifferenceKind.Added),
        new("fine_tuning.job", "error", DifferenceKind.Kind),
        new("fine_tuning.job", "hyperparameters.*", DifferenceKind.Added),
        new("fine_tuning.job", "hyperparameters.n_epochs", DifferenceKind.Kind),
        new("fine_tuning.job", "hyperparameters.batch_size", DifferenceKind.Kind),
        new("fine_tuning.job", "hyperparameters.learning_rate_multiplier", DifferenceKind.Kind),
        new("fine_tuning.job", "method.supervised.lora", DifferenceKind.Added),
        new("fine_tuning.job", "method.supervised.hyperparameters.*", DifferenceKind.Added),
        new("fine_tuning.job", "method.supervised.hyperparameters.n_epochs", DifferenceKind.Kind),
        new("fine_tuning.job", "method.supervised.hyperparameters.batch_size", DifferenceKind.Kind),
        new("fine_tuning.job", "method.supervised.hyperparameters.learning_rate_multiplier", DifferenceKind.Kind),
        new("fine_tuning.job", "progress", DifferenceKind.Added),
        new("fine_tuning.job.checkpoint", "metrics.type", DifferenceKind.Absent),
        new("fine_tuning.job.checkpoint", "metrics.*", DifferenceKind.Added),
        new("error", "detail", DifferenceKind.Kind),
        new("error", "type", DifferenceKind.Added),
        new("error", "title", DifferenceKind.Added),
        new("error", "status", DifferenceKind.Added),
        new("error", "detail", DifferenceKind.Added),
    ];

    /// <summary>Whether a difference is one of those known.</summary>
    public static bool IsKnown(string kind, string field, DifferenceKind how) =>
        All.Any(d => d.Object == kind && d.How == how && (d.Field == field || (d.Field.EndsWith(".*", StringComparison.Ordinal) && field.StartsWith(d.Field[..^1], StringComparison.Ordinal))));
}

/// <summary>How a field of an answer differs from the recorded one.</summary>
internal enum DifferenceKind
{
    /// <summary>It is here and not there.</summary>
    Added,

    /// <summary>It is there and not here.</summary>
    Absent,

    /// <summary>Its value is of another kind.</summary>
    Kind,
}
