using System.Text.Json;

namespace TrainingService.Api.Inference;

/// <summary>Texts to be continued or scored, as the API's description shows it; the worker reads it.</summary>
public sealed record CompletionRequest
{
    /// <summary>What "Try it out" starts with: the score of a text.</summary>
    internal const string Example = """
        {
          "model": "demo-model",
          "prompt": "The capital of Italy is Rome.",
          "max_tokens": 0,
          "echo": true,
          "logprobs": 1
        }
        """;

    /// <summary>Name of the model: one of <c>GET /v1/models</c>, a tuned model or a checkpoint.</summary>
    public required string Model { get; init; }

    /// <summary>A text, a list of texts, a list of token ids, or a list of such lists.</summary>
    public required JsonElement Prompt { get; init; }

    /// <summary>Most tokens of a continuation; 16 by default. 0 writes none, which with echo and logprobs scores the prompt.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Whether the prompt is repeated before its continuation, with its log-probabilities when those are asked for.</summary>
    public bool? Echo { get; init; }

    /// <summary>Tells log-probabilities, and so many of the most probable tokens at each place, 0 to 5.</summary>
    public int? Logprobs { get; init; }

    /// <summary>0 to 2; 1 by default. 0 always takes the most probable token.</summary>
    public double? Temperature { get; init; }

    /// <summary>0 to 1; 1 by default. Draws from the smallest set of tokens with at least this probability.</summary>
    public double? TopP { get; init; }

    /// <summary>How many continuations of each prompt, 1 to 128; 1 by default.</summary>
    public int? N { get; init; }

    /// <summary>A text that ends a continuation, or a list of up to four; it is not part of the continuation.</summary>
    public JsonElement? Stop { get; init; }

    /// <summary>The same seed and request give the same answer, as far as floating-point arithmetic allows.</summary>
    public long? Seed { get; init; }

    /// <summary>Whether the answer is sent in parts.</summary>
    public bool? Stream { get; init; }

    /// <summary>Goes with stream.</summary>
    public StreamOptions? StreamOptions { get; init; }
}
