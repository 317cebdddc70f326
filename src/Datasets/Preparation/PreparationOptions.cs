using TrainingService.Domain.Recipes;

namespace TrainingService.Datasets.Preparation;

/// <summary>What rows are prepared for, and how long they may be.</summary>
/// <param name="MaxLength">Most tokens of prompt and completion together, which keep their start; null sets no limit.</param>
/// <param name="MaxPromptLength">Most tokens of a prompt, which keeps its end; null sets no limit. Supervised training has no such limit.</param>
public sealed record PreparationOptions(int? MaxLength, int? MaxPromptLength)
{
    /// <summary>What is trained by.</summary>
    public TrainingMethod Method { get; init; } = TrainingMethod.Dpo;

    /// <summary>Whether supervised training counts the assistant's tokens alone; otherwise every token, prompts and users' turns among them.</summary>
    public bool AssistantOnlyLoss { get; init; } = true;

    /// <summary>What a recipe asks for.</summary>
    public static PreparationOptions Of(TrainingRecipe recipe) =>
        new(recipe.MaxLength, recipe.MaxPromptLength) { Method = recipe.Method, AssistantOnlyLoss = recipe.AssistantOnlyLoss };
}
