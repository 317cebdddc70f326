using System.Text.Json;

namespace TrainingService.Api.Inference;

/// <summary>A conversation to be answered, as the API's description shows it; the worker reads it.</summary>
public sealed record ChatCompletionRequest
{
    /// <summary>What "Try it out" starts with.</summary>
    internal const string Example = """
        {
          "model": "demo-model",
          "messages": [{ "role": "user", "content": "What is the capital of Italy?" }],
          "temperature": 0,
          "max_tokens": 64
        }
        """;

    /// <summary>Name of the model: one of <c>GET /v1/models</c>, a tuned model or a checkpoint.</summary>
    public required string Model { get; init; }

    /// <summary>The turns so far.</summary>
    public required IReadOnlyList<ChatCompletionRequestMessage> Messages { get; init; }

    /// <summary>Most tokens of an answer; by default as many as the model's context has room for.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>The same as max_tokens, under OpenAI's newer name.</summary>
    public int? MaxCompletionTokens { get; init; }

    /// <summary>0 to 2; 1 by default. 0 always takes the most probable token.</summary>
    public double? Temperature { get; init; }

    /// <summary>0 to 1; 1 by default. Draws from the smallest set of tokens with at least this probability.</summary>
    public double? TopP { get; init; }

    /// <summary>How many answers, 1 to 128; 1 by default.</summary>
    public int? N { get; init; }

    /// <summary>A text that ends an answer, or a list of up to four; it is not part of the answer.</summary>
    public JsonElement? Stop { get; init; }

    /// <summary>The same seed and request give the same answer, as far as floating-point arithmetic allows.</summary>
    public long? Seed { get; init; }

    /// <summary>Whether log-probabilities of the answer's tokens are told.</summary>
    public bool? Logprobs { get; init; }

    /// <summary>How many of the most probable tokens are told at each place, 0 to 20; goes with logprobs.</summary>
    public int? TopLogprobs { get; init; }

    /// <summary>Whether the answer is sent in parts.</summary>
    public bool? Stream { get; init; }

    /// <summary>Goes with stream.</summary>
    public StreamOptions? StreamOptions { get; init; }
}

/// <summary>A turn of a conversation.</summary>
public sealed record ChatCompletionRequestMessage
{
    /// <summary><c>system</c> (or <c>developer</c>), <c>user</c> or <c>assistant</c>.</summary>
    public required string Role { get; init; }

    /// <summary>A text, or a list of parts <c>{"type": "text", "text": …}</c>, whose texts are joined.</summary>
    public required JsonElement Content { get; init; }

    /// <summary>Name of the speaker, for templates that print it.</summary>
    public string? Name { get; init; }
}

/// <summary>How an answer is streamed.</summary>
public sealed record StreamOptions
{
    /// <summary>Whether a last part tells the usage.</summary>
    public bool? IncludeUsage { get; init; }
}
