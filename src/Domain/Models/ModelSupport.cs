using System.Text.Json;

namespace TrainingService.Domain.Models;

/// <summary>Which models the engine trains, as far as config.json says: known without the engine, which only workers have.</summary>
public static class ModelSupport
{
    /// <summary>The <c>model_type</c> of every architecture of the engine; a test holds the two equal.</summary>
    public static IReadOnlyList<string> ModelTypes { get; } =
    [
        "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_neox", "granite", "llama", "mistral", "mixtral", "olmo2", "phi3", "qwen2", "qwen3", "qwen3_moe", "smollm3",
    ];

    /// <summary>Why a model of this config.json cannot be trained here; null when nothing speaks against it.</summary>
    public static string? Problem(JsonElement config)
    {
        if (config.ValueKind != JsonValueKind.Object) return "config.json is not a JSON object.";
        if (!config.TryGetProperty("model_type", out JsonElement type) || type.ValueKind != JsonValueKind.String) return "config.json has no model_type.";
        if (!ModelTypes.Contains(type.GetString()))
            return $"config.json has model_type = {Errors.Excerpt.Of(type.GetString()!)}; supported are {string.Join(", ", ModelTypes)}.";
        return config.TryGetProperty("quantization_config", out JsonElement quantisation) && quantisation.ValueKind == JsonValueKind.Object
            ? "The weights are quantised (quantization_config in config.json); use the unquantised model."
            : null;
    }
}
