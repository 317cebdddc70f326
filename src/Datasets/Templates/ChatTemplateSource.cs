using System.Text.Json;
using TrainingService.Datasets.Tokenization;
using TrainingService.Jinja;

namespace TrainingService.Datasets.Templates;

/// <summary>Where a model's folder keeps its chat templates, and the special tokens that they may print.</summary>
/// <param name="Name"><c>default</c>, <c>tool_use</c>, ….</param>
/// <param name="Text">The template.</param>
/// <param name="Origin">The file, for messages.</param>
internal sealed record ChatTemplateSource(string Name, string Text, string Origin)
{
    private const string ConfigurationFile = "tokenizer_config.json";

    /// <summary>A file of its own wins over tokenizer_config.json, as in transformers.</summary>
    public static IEnumerable<ChatTemplateSource> Find(string modelFolder, JsonElement configuration)
    {
        string file = Path.Combine(modelFolder, "chat_template.jinja");
        string more = Path.Combine(modelFolder, ChatTemplate.AdditionalFolder);
        if (File.Exists(file) || Directory.Exists(more))
        {
            if (File.Exists(file)) yield return new("default", File.ReadAllText(file), Path.GetFileName(file));
            foreach (string named in ChatTemplate.AdditionalFiles(modelFolder))
                yield return new(Path.GetFileNameWithoutExtension(named), File.ReadAllText(named), Path.GetFileName(named));
            yield break;
        }
        if (configuration.ValueKind != JsonValueKind.Object || !configuration.TryGetProperty("chat_template", out JsonElement given)) yield break;
        if (given.ValueKind == JsonValueKind.String) yield return new("default", given.GetString()!, ConfigurationFile);
        else if (given.ValueKind == JsonValueKind.Array)
            foreach (JsonElement entry in given.EnumerateArray())
            {
                if (TextOf(entry, "name") is not { } name || TextOf(entry, "template") is not { } template)
                    throw new ChatTemplateException($"chat_template in {ConfigurationFile} is a list, but one of its entries has no 'name' or no 'template'.");
                yield return new(name, template, $"{ConfigurationFile}, '{name}'");
            }
    }

    /// <summary>The variables <c>bos_token</c>, <c>eos_token</c> and so on; a token that the model lacks is left undefined.</summary>
    public static IReadOnlyDictionary<string, object?> SpecialTokens(ModelTokenizer tokenizer)
    {
        var tokens = new Dictionary<string, object?>();
        if (tokenizer.Configuration.ValueKind == JsonValueKind.Object)
            foreach (JsonProperty property in tokenizer.Configuration.EnumerateObject())
            {
                if (property.Name.EndsWith("_token", StringComparison.Ordinal) && Token(property.Value) is { } token) tokens[property.Name] = token;
                else if (property.Name == "additional_special_tokens" && property.Value.ValueKind == JsonValueKind.Array) tokens[property.Name] = JinjaValues.FromJson(property.Value);
            }
        foreach ((string name, string? token) in new[]
        {
            ("bos_token", tokenizer.BosToken), ("eos_token", tokenizer.EosToken), ("pad_token", tokenizer.PadToken), ("unk_token", tokenizer.UnknownToken),
        })
            if (token is not null) tokens[name] = token;
        return tokens;
    }

    // A token is its text or, as transformers also writes it, an object with the text and its matching rules.
    private static string? Token(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : TextOf(value, "content");

    private static string? TextOf(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement text) && text.ValueKind == JsonValueKind.String
            ? text.GetString() : null;
}
