namespace TrainingService.Datasets.Formats;

/// <summary>What a row tells of its prompt's completions.</summary>
public enum RowKind
{
    /// <summary>Two completions, the first of them preferred.</summary>
    Preference,

    /// <summary>One completion with a thumb up or down.</summary>
    Labelled,

    /// <summary>One completion to be imitated.</summary>
    Supervised,
}
