namespace TrainingService.Datasets.Formats;

/// <summary>The shape of a preference file's rows, recognised by content.</summary>
public enum PreferenceFormat
{
    /// <summary>OpenAI's rows: <c>input</c>, <c>preferred_output</c>, <c>non_preferred_output</c>.</summary>
    OpenAI,

    /// <summary>TRL's <c>prompt</c>, <c>chosen</c>, <c>rejected</c> as text.</summary>
    TrlText,

    /// <summary>TRL's <c>prompt</c>, <c>chosen</c>, <c>rejected</c> as lists of messages.</summary>
    TrlMessages,

    /// <summary>TRL's <c>chosen</c> and <c>rejected</c> as text that both begin with the prompt.</summary>
    TrlImplicitText,

    /// <summary>TRL's <c>chosen</c> and <c>rejected</c> as whole conversations that share their first turns.</summary>
    TrlImplicitMessages,
}
