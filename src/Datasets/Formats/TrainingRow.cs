namespace TrainingService.Datasets.Formats;

/// <summary>
/// One row of a training file: a prompt and what may follow it, as text, messages or token ids. A preference row has the
/// chosen completion before the rejected one, the other kinds have one completion.
/// </summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="Kind">What the row tells of its completions.</param>
public abstract record TrainingRow(long Row, RowKind Kind)
{
    /// <summary>In a labelled row whether the completion is desirable.</summary>
    public bool Label { get; init; }

    /// <summary>The row with only one of its completions.</summary>
    internal abstract TrainingRow With(RowKind kind, int completion);
}

/// <summary>Plain texts: completions follow the prompt character by character, without a chat template.</summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="Kind">What the row tells of its completions.</param>
/// <param name="Prompt">The common beginning; empty where all of a text is to be imitated.</param>
/// <param name="Completions">What follows it.</param>
public sealed record TextRow(long Row, RowKind Kind, string Prompt, IReadOnlyList<string> Completions) : TrainingRow(Row, Kind)
{
    internal override TrainingRow With(RowKind kind, int completion) => this with { Kind = kind, Completions = [Completions[completion]] };
}

/// <summary>Answers to a conversation, each one turn or several.</summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="Kind">What the row tells of its completions.</param>
/// <param name="Prompt">The turns so far; none where a whole conversation is given, whose assistant turns are to be imitated.</param>
/// <param name="Completions">The turns that follow.</param>
public sealed record ConversationRow(
    long Row, RowKind Kind, IReadOnlyList<ChatMessage> Prompt, IReadOnlyList<IReadOnlyList<ChatMessage>> Completions) : TrainingRow(Row, Kind)
{
    /// <summary>The tools that the assistant may call, as the chat template should see them; null when there are none.</summary>
    public IReadOnlyList<object?>? Tools { get; init; }

    /// <summary>Further variables of the chat template (TRL's <c>chat_template_kwargs</c>), such as <c>enable_thinking</c>.</summary>
    public IReadOnlyDictionary<string, object?>? TemplateVariables { get; init; }

    internal override TrainingRow With(RowKind kind, int completion) => this with { Kind = kind, Completions = [Completions[completion]] };
}

/// <summary>Token ids, made by a tokenizer elsewhere.</summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="Kind">What the row tells of its completions.</param>
/// <param name="Prompt">The common beginning; empty where a whole sequence is given.</param>
/// <param name="Completions">What follows it.</param>
public sealed record TokenRow(long Row, RowKind Kind, int[] Prompt, IReadOnlyList<int[]> Completions) : TrainingRow(Row, Kind)
{
    /// <summary>Of a whole sequence with labels: for each token whether its prediction is trained; null trains all.</summary>
    public bool[]? Trained { get; init; }

    internal override TrainingRow With(RowKind kind, int completion) => this with { Kind = kind, Completions = [Completions[completion]] };
}

/// <summary>A sound row that teaches nothing, such as two answers of equal score. It is counted, not trained on.</summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="Kind">What the row would have told.</param>
/// <param name="Reason">Why, as a sentence.</param>
public sealed record LeftOutRow(long Row, RowKind Kind, string Reason) : TrainingRow(Row, Kind)
{
    internal override TrainingRow With(RowKind kind, int completion) => this;
}
