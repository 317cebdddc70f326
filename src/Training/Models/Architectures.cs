namespace TrainingService.Training.Models;

/// <summary>Makes a model of one architecture.</summary>
/// <param name="config">The model's configuration.</param>
/// <param name="parts">Makes modules of its weights.</param>
internal delegate CausalLanguageModel Architecture(ModelConfig config, DecoderParts parts);

/// <summary>The architectures by their <c>model_type</c>; docs/models.md says what each supports.</summary>
internal static class Architectures
{
    /// <summary>Each <c>model_type</c> of config.json and its architecture.</summary>
    public static IReadOnlyDictionary<string, Architecture> ByModelType { get; } = new SortedDictionary<string, Architecture>(StringComparer.Ordinal)
    {
        ["gemma"] = (config, parts) => new Gemma(config, parts),
        ["gemma2"] = (config, parts) => new Gemma2(config, parts),
        ["gemma3_text"] = (config, parts) => new Gemma3(config, parts),
        ["gpt2"] = (config, parts) => new Gpt2(config, parts),
        ["gpt_neox"] = (config, parts) => new GptNeoX(config, parts),
        ["granite"] = (config, parts) => new Granite(config, parts),
        ["llama"] = (config, parts) => new Llama(config, parts),
        ["mistral"] = (config, parts) => new Mistral(config, parts),
        ["mixtral"] = (config, parts) => new Mixtral(config, parts),
        ["olmo2"] = (config, parts) => new Olmo2(config, parts),
        ["phi3"] = (config, parts) => new Phi3(config, parts),
        ["qwen2"] = (config, parts) => new Qwen2(config, parts),
        ["qwen3"] = (config, parts) => new Qwen3(config, parts),
        ["qwen3_moe"] = (config, parts) => new Qwen3Moe(config, parts),
        ["smollm3"] = (config, parts) => new SmolLM3(config, parts),
    };
}
