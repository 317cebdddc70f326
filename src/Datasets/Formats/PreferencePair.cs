namespace TrainingService.Datasets.Formats;

/// <summary>One prompt with a chosen and a rejected completion: a <see cref="TextPair"/> or a <see cref="ConversationPair"/>.</summary>
/// <param name="Row">The 1-based line in the file.</param>
public abstract record PreferencePair(long Row);

/// <summary>A pair of plain texts that follow the prompt character by character, without a chat template.</summary>
/// <param name="Row">The 1-based line in the file.</param>
/// <param name="Prompt">The common beginning.</param>
/// <param name="Chosen">The preferred continuation.</param>
/// <param name="Rejected">The other continuation.</param>
public sealed record TextPair(long Row, string Prompt, string Chosen, string Rejected) : PreferencePair(Row);

/// <summary>A pair of answers to a conversation, each one turn or several.</summary>
/// <param name="Row">The 1-based line in the file.</param>
/// <param name="Prompt">The turns so far.</param>
/// <param name="Chosen">The preferred turns.</param>
/// <param name="Rejected">The other turns.</param>
public sealed record ConversationPair(
    long Row, IReadOnlyList<ChatMessage> Prompt, IReadOnlyList<ChatMessage> Chosen, IReadOnlyList<ChatMessage> Rejected) : PreferencePair(Row)
{
    /// <summary>The tools that the assistant may call, as the chat template should see them; null when there are none.</summary>
    public IReadOnlyList<object?>? Tools { get; init; }

    /// <summary>Further variables of the chat template (TRL's <c>chat_template_kwargs</c>), such as <c>enable_thinking</c>.</summary>
    public IReadOnlyDictionary<string, object?>? TemplateVariables { get; init; }
}
