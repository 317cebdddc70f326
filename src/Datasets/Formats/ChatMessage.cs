namespace TrainingService.Datasets.Formats;

/// <summary>
/// One turn of a conversation, with every field as it was given (tool_calls, name, reasoning_content, …), since a chat
/// template may look at any of them.
/// </summary>
public sealed class ChatMessage
{
    /// <summary>The role whose turns are trained on.</summary>
    internal const string Assistant = "assistant";

    /// <summary>A turn of plain text.</summary>
    public ChatMessage(string role, string? content)
        : this(new OrderedDictionary<string, object?> { ["role"] = role, ["content"] = content }) { }

    /// <summary>A turn from its fields, in the order given: texts, longs, doubles, booleans, nulls, lists and dictionaries.</summary>
    /// <exception cref="ArgumentException">There is no role.</exception>
    public ChatMessage(IReadOnlyDictionary<string, object?> fields)
    {
        Role = fields.GetValueOrDefault("role") as string ?? throw new ArgumentException("A message needs a role.", nameof(fields));
        Content = fields.GetValueOrDefault("content") as string;
        Fields = fields;
    }

    /// <summary>Who speaks: <c>system</c>, <c>user</c>, <c>assistant</c>, <c>tool</c>, ….</summary>
    public string Role { get; }

    /// <summary>The text; null in a turn that only calls tools.</summary>
    public string? Content { get; }

    /// <summary>Whether supervised training imitates the turn: an assistant's is, but for OpenAI's weight 0.</summary>
    public bool IsTrained => Role == Assistant && Fields.GetValueOrDefault("weight") is not 0L;

    /// <summary>All fields, <c>role</c> and <c>content</c> among them.</summary>
    public IReadOnlyDictionary<string, object?> Fields { get; }
}
