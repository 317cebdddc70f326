namespace TrainingService.Domain.Completions;

/// <summary>Tokens read and written.</summary>
/// <param name="PromptTokens">Tokens of the prompts, each counted once however many answers it got.</param>
/// <param name="CompletionTokens">Tokens written over all answers; end tokens are not counted.</param>
public sealed record TokenUsage(int PromptTokens, int CompletionTokens)
{
    /// <summary>The sum of both.</summary>
    public int TotalTokens => PromptTokens + CompletionTokens;
}
