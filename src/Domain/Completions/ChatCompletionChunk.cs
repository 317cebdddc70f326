using System.Text.Json.Serialization;

namespace TrainingService.Domain.Completions;

/// <summary>A part of an answer that is streamed.</summary>
/// <param name="Id">Id of the answer, the same in all parts.</param>
/// <param name="Created">Moment of creation, Unix seconds.</param>
/// <param name="Model">The model that answers.</param>
/// <param name="Choices">The parts of the answers; empty in the part that tells the usage.</param>
/// <param name="Usage">Tokens read and written: in the last part, when <c>stream_options.include_usage</c> asks for it.</param>
public sealed record ChatCompletionChunk(
    string Id, long Created, string Model, IReadOnlyList<ChatChunkChoice> Choices,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] TokenUsage? Usage = null)
{
    /// <summary>Always <c>chat.completion.chunk</c>.</summary>
    public string Object => "chat.completion.chunk";
}

/// <summary>A part of one answer.</summary>
/// <param name="Index">The answer's place among the answers.</param>
/// <param name="Delta">What is new.</param>
/// <param name="Logprobs">Log-probabilities of the tokens that are new, when asked for.</param>
/// <param name="FinishReason">In the answer's last part <c>stop</c> or <c>length</c>, else null.</param>
public sealed record ChatChunkChoice(int Index, ChatDelta Delta, ChatLogProbs? Logprobs, string? FinishReason);

/// <summary>What is new in an answer.</summary>
/// <param name="Role">In the first part <c>assistant</c>.</param>
/// <param name="Content">More of the text.</param>
public sealed record ChatDelta(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Role = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Content = null);
