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

    /// <summary>The <c>quant_method</c> of every way to quantise that the engine reads, likewise.</summary>
    public static IReadOnlyList<string> QuantisationMethods { get; } = ["bitsandbytes", "fp8", "compressed-tensors"];

    /// <summary>Why a model of this config.json cannot be trained here; null when nothing speaks against it.</summary>
    public static string? Problem(JsonElement config)
    {
        if (config.ValueKind != JsonValueKind.Object) return "config.json is not a JSON object.";
        if (!config.TryGetProperty("model_type", out JsonElement type) || type.ValueKind != JsonValueKind.String) return "config.json has no model_type.";
        if (!ModelTypes.Contains(type.GetString()))
            return $"config.json has model_type = {Errors.Excerpt.Of(type.GetString()!)}; supported are {string.Join(", ", ModelTypes)}.";
        return config.TryGetProperty("quantization_config", out JsonElement section) && section.ValueKind == JsonValueKind.Object && section.EnumerateObject().Any()
            ? QuantisationProblem(section) : null;
    }

    // A method's finer points the engine judges when it loads the model.
    private static string? QuantisationProblem(JsonElement section)
    {
        bool Is(string name) => section.TryGetProperty(name, out JsonElement flag) && flag.ValueKind == JsonValueKind.True;
        string? method = section.TryGetProperty("quant_method", out JsonElement given) && given.ValueKind == JsonValueKind.String ? given.GetString()
            : Is("load_in_4bit") || Is("load_in_8bit") ? "bitsandbytes" : null;
        if (!QuantisationMethods.Contains(method))
            return $"config.json has quantization_config.quant_method = {method ?? "(none)"}; supported are {string.Join(", ", QuantisationMethods)}. Use the unquantised model.";
        return method == "bitsandbytes" && !Is("load_in_4bit") ? "config.json has quantization_config.load_in_8bit; of bitsandbytes, nf4 is supported. Use the unquantised model." : null;
    }
}
