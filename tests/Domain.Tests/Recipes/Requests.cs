using System.Text.Json;
using TrainingService.Domain.Recipes;

namespace TrainingService.Domain.Tests.Recipes;

/// <summary>Reads recipes as a request's <c>method.dpo</c> holds them.</summary>
internal static class Requests
{
    public static (TrainingRecipe Recipe, IReadOnlyList<RecipeProblem> Problems) Read(string? hyperparameters, string? lora = null, TrainingMethod method = TrainingMethod.Dpo) =>
        RecipeJson.Read(method, Parse(hyperparameters), Parse(lora), columns: null, new TrainingRecipe().Seed, hasValidationFile: true);

    /// <summary>The recipe of a request without problems.</summary>
    public static TrainingRecipe Accept(string? hyperparameters, string? lora = null, TrainingMethod method = TrainingMethod.Dpo)
    {
        (TrainingRecipe recipe, IReadOnlyList<RecipeProblem> problems) = Read(hyperparameters, lora, method);
        Assert.Empty(problems);
        return recipe;
    }

    /// <summary>The only problem of a request.</summary>
    public static RecipeProblem Refuse(string? hyperparameters, string? lora = null, TrainingMethod method = TrainingMethod.Dpo) =>
        Assert.Single(Read(hyperparameters, lora, method).Problems);

    /// <summary>A request that gives one field, in the object it belongs in.</summary>
    public static (string? Hyperparameters, string? Lora) With(string field, string value)
    {
        string given = $$"""{"{{field}}": {{value}}}""";
        return RecipeFields.Lora.Any(f => f.Name == field) ? (null, given) : (given, null);
    }

    /// <summary>Every member's value, so that recipes compare by what their lists hold.</summary>
    public static string Members(TrainingRecipe recipe) => JsonSerializer.Serialize(recipe);

    private static JsonElement? Parse(string? json) => json is null ? null : JsonElement.Parse(json);
}
