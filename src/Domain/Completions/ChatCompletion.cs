namespace TrainingService.Domain.Completions;

/// <summary>Answers to a conversation.</summary>
/// <param name="Id">Id of the answer, <c>chatcmpl-…</c>.</param>
/// <param name="Created">Moment of creation, Unix seconds.</param>
/// <param name="Model">The model that answered.</param>
/// <param name="Choices">The answers, as many as <c>n</c> asked for.</param>
/// <param name="Usage">Tokens read and written.</param>
public sealed record ChatCompletion(string Id, long Created, string Model, IReadOnlyList<ChatChoice> Choices, TokenUsage Usage)
{
    /// <summary>Always <c>chat.completion</c>.</summary>
    public string Object => "chat.completion";
}

/// <summary>One answer.</summary>
/// <param name="Index">Its place among the answers.</param>
/// <param name="Message">What the assistant says.</param>
/// <param name="Logprobs">Log-probabilities of its tokens, when asked for.</param>
/// <param name="FinishReason"><c>stop</c> at an end token or a stop text, <c>length</c> at the limit of tokens.</param>
public sealed record ChatChoice(int Index, AssistantMessage Message, ChatLogProbs? Logprobs, string FinishReason);

/// <summary>What the assistant says.</summary>
/// <param name="Content">The text.</param>
public sealed record AssistantMessage(string Content)
{
    /// <summary>Always <c>assistant</c>.</summary>
    public string Role => "assistant";

    /// <summary>Always null: no model here refuses out of band.</summary>
    public string? Refusal => null;
}

/// <summary>Log-probabilities of an answer's tokens.</summary>
/// <param name="Content">One entry a token; the end token has none.</param>
public sealed record ChatLogProbs(IReadOnlyList<ChatTokenLogProb> Content)
{
    /// <summary>Always null: no model here refuses out of band.</summary>
    public IReadOnlyList<ChatTokenLogProb>? Refusal => null;
}

/// <summary>A token that was drawn.</summary>
/// <param name="Token">Its text.</param>
/// <param name="Logprob">Natural logarithm of its probability, before temperature and top-p.</param>
/// <param name="Bytes">UTF-8 bytes of its text; null where it holds a part of a character only.</param>
/// <param name="TopLogprobs">The most probable tokens at its place, most probable first.</param>
public sealed record ChatTokenLogProb(string Token, float Logprob, IReadOnlyList<int>? Bytes, IReadOnlyList<ChatTopLogProb> TopLogprobs);

/// <summary>A token that could have been drawn.</summary>
/// <param name="Token">Its text.</param>
/// <param name="Logprob">Natural logarithm of its probability, before temperature and top-p.</param>
/// <param name="Bytes">UTF-8 bytes of its text; null where it holds a part of a character only.</param>
public sealed record ChatTopLogProb(string Token, float Logprob, IReadOnlyList<int>? Bytes);
