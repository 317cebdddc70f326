using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrainingService.Domain.Recipes;

/// <summary>One problem of a request: which field, and what to change.</summary>
/// <param name="Param">Path of the field in the request, e.g. <c>method.dpo.hyperparameters.beta</c>.</param>
/// <param name="Message">What is wrong with which value, and what is allowed.</param>
public sealed record RecipeProblem(string Param, string Message)
{
    /// <summary>Most problems that a request is told.</summary>
    public const int Most = 100;
}

/// <summary>One setting of a recipe as it stands on the wire: its name, what it may be, and how it is read and written.</summary>
public sealed class RecipeField
{
    private readonly Func<TrainingRecipe, JsonElement, TrainingRecipe?> _read;
    private readonly Func<TrainingRecipe, JsonNode?> _write;

    internal RecipeField(string name, string allowed, string description, Func<TrainingRecipe, JsonElement, TrainingRecipe?> read, Func<TrainingRecipe, JsonNode?> write)
    {
        Name = name;
        Allowed = allowed;
        Description = description;
        _read = read;
        _write = write;
    }

    /// <summary>The field's name on the wire: OpenAI's, TRL's or PEFT's.</summary>
    public string Name { get; }

    /// <summary>The allowed values in words, e.g. <c>a number above 0, at most 2</c>.</summary>
    public string Allowed { get; }

    /// <summary>What the field does.</summary>
    public string Description { get; }

    /// <summary>The recipe with this field set from <paramref name="value"/>; null when the value is not allowed.</summary>
    public TrainingRecipe? Read(TrainingRecipe recipe, JsonElement value) => _read(recipe, value);

    /// <summary>The field's value in <paramref name="recipe"/>.</summary>
    public JsonNode? Write(TrainingRecipe recipe) => _write(recipe);
}
