using System.Text.Json;

namespace TrainingService.Datasets.Tokenization;

/// <summary>
/// Where transformers 5 does not follow tokenizer.json: the classes GPT2Tokenizer and LlamaTokenizer take vocabulary and
/// merges from it but split text in their own way (SmolLM2's digits, spaces in front of Llama's special tokens), and
/// numbers that are to equal TRL's need the same. tokenizer_config.json names the class.
/// </summary>
internal static class TokenizerClassRules
{
    // transformers knows that these models name a wrong class, and goes by tokenizer.json alone.
    private static readonly string[] s_modelsNamingAWrongClass = ["deepseek_v2", "deepseek_v3", "internlm2", "nemotron", "phi3", "phimoe"];

    /// <summary>The normalizer and pre-tokenizer that are used in fact.</summary>
    public static (JsonComponent Normalizer, JsonComponent PreTokenizer) Apply(string modelFolder, JsonComponent tokenizer)
    {
        JsonComponent normalizer = tokenizer["normalizer"], preTokenizer = tokenizer["pre_tokenizer"];
        if (JsonFile.ReadOptional(modelFolder, "tokenizer_config.json") is not { } configuration
            || JsonFile.ReadOptional(modelFolder, "config.json")?["model_type"].AsOptionalString() is { } modelType && s_modelsNamingAWrongClass.Contains(modelType))
            return (normalizer, preTokenizer);

        return configuration["tokenizer_class"].AsOptionalString() switch
        {
            // A file with a pattern of its own (OLMo 2, Qwen) was trained with it: to replace that would be a mistake.
            "GPT2Tokenizer" or "GPT2TokenizerFast" when HasOnly(preTokenizer, "ByteLevel", "Digits") =>
                (default, Component(new { type = "ByteLevel", add_prefix_space = configuration["add_prefix_space"].AsBoolean(false) })),
            "LlamaTokenizer" or "LlamaTokenizerFast" when preTokenizer.IsNull || HasOnly(preTokenizer, "Metaspace") =>
                (default, Component(new { type = "Metaspace", replacement = "▁", split = false, prepend_scheme = PrependScheme(configuration) })),
            _ => (normalizer, preTokenizer),
        };
    }

    private static string PrependScheme(JsonComponent configuration) =>
        !configuration["add_prefix_space"].AsBoolean(true) ? "never" : configuration["legacy"].AsBoolean(false) ? "always" : "first";

    private static bool HasOnly(JsonComponent preTokenizer, params string[] types) =>
        !preTokenizer.IsNull && (preTokenizer.Type == "Sequence"
            ? preTokenizer["pretokenizers"].Items().All(part => types.Contains(part.Type))
            : types.Contains(preTokenizer.Type));

    private static JsonComponent Component<T>(T value) => new("tokenizer_config.json", "tokenizer_class", JsonSerializer.SerializeToElement(value));
}
