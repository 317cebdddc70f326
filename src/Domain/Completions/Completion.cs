using System.Text.Json.Serialization;

namespace TrainingService.Domain.Completions;

/// <summary>Continuations of texts; when streamed, each part has this shape too.</summary>
/// <param name="Id">Id of the answer, <c>cmpl-…</c>.</param>
/// <param name="Created">Moment of creation, Unix seconds.</param>
/// <param name="Model">The model that answered.</param>
/// <param name="Choices">The continuations: <c>n</c> of the first prompt, then <c>n</c> of the second, ….</param>
/// <param name="Usage">Tokens read and written; when streamed, in the last part and if <c>stream_options.include_usage</c> asks for it.</param>
public sealed record Completion(
    string Id, long Created, string Model, IReadOnlyList<CompletionChoice> Choices,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] TokenUsage? Usage = null)
{
    /// <summary>Always <c>text_completion</c>.</summary>
    public string Object => "text_completion";
}

/// <summary>One continuation.</summary>
/// <param name="Index">Its place among the continuations.</param>
/// <param name="Text">The text; with <c>echo</c> after the prompt's.</param>
/// <param name="Logprobs">Log-probabilities of its tokens, when asked for.</param>
/// <param name="FinishReason"><c>stop</c> at an end token or a stop text, <c>length</c> at the limit of tokens; null in all but the last part of a stream.</param>
public sealed record CompletionChoice(int Index, string Text, CompletionLogProbs? Logprobs, string? FinishReason);

/// <summary>Log-probabilities of a continuation's tokens, in four lists of one length.</summary>
/// <param name="Tokens">The tokens' texts.</param>
/// <param name="TokenLogprobs">Natural logarithms of their probabilities; null for a text's first token, which nothing precedes.</param>
/// <param name="TopLogprobs">The most probable tokens at each place, and the token itself; null when <c>logprobs</c> is 0.</param>
/// <param name="TextOffset">Where each token begins in the text, in code points.</param>
public sealed record CompletionLogProbs(
    IReadOnlyList<string> Tokens, IReadOnlyList<float?> TokenLogprobs,
    IReadOnlyList<IReadOnlyDictionary<string, float>?>? TopLogprobs, IReadOnlyList<int> TextOffset);
