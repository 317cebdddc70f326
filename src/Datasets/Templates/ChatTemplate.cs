using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Tokenization;
using TrainingService.Jinja;

namespace TrainingService.Datasets.Templates;

/// <summary>A model's chat template: turns messages into the text that the model was trained on, as transformers does.</summary>
public sealed class ChatTemplate
{
    /// <summary>The folder beside a model's own template that holds more of them, each for its purpose.</summary>
    public const string AdditionalFolder = "additional_chat_templates";

    /// <summary>Paths of a model's further templates, in the order of their names.</summary>
    /// <param name="modelFolder">The model's folder.</param>
    public static IReadOnlyList<string> AdditionalFiles(string modelFolder)
    {
        string folder = Path.Combine(modelFolder, AdditionalFolder);
        return Directory.Exists(folder) ? [.. Directory.EnumerateFiles(folder, "*.jinja").Order(StringComparer.Ordinal)] : [];
    }

    private const string Default = "default";
    private const string ForTools = "tool_use";

    private readonly IReadOnlyDictionary<string, JinjaTemplate> _templates;
    private readonly IReadOnlyDictionary<string, object?> _specialTokens;

    private readonly TimeProvider _timeProvider;

    private ChatTemplate(IReadOnlyDictionary<string, JinjaTemplate> templates, IReadOnlyDictionary<string, object?> specialTokens, TimeProvider timeProvider)
    {
        _templates = templates;
        _specialTokens = specialTokens;
        _timeProvider = timeProvider;
    }

    /// <summary>Reads the template of a model's folder; null when the model has none.</summary>
    /// <param name="modelFolder">The Hugging Face folder.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="timeProvider">The clock of templates that print today's date; a job that must prepare the same tokens on another day brings a fixed one.</param>
    /// <exception cref="ChatTemplateException">There is one, but it cannot be parsed.</exception>
    public static ChatTemplate? Load(string modelFolder, ModelTokenizer tokenizer, TimeProvider? timeProvider = null)
    {
        var templates = new Dictionary<string, JinjaTemplate>();
        foreach (ChatTemplateSource source in ChatTemplateSource.Find(modelFolder, tokenizer.Configuration))
        {
            try
            {
                templates[source.Name] = JinjaTemplate.Parse(source.Text);
            }
            catch (JinjaSyntaxException exception)
            {
                throw new ChatTemplateException($"The model's chat template ({source.Origin}) cannot be parsed: {exception.Message}", exception);
            }
        }
        return templates.Count == 0 ? null : new ChatTemplate(templates, ChatTemplateSource.SpecialTokens(tokenizer), timeProvider ?? TimeProvider.System);
    }

    /// <summary>The text of a conversation.</summary>
    /// <param name="messages">The turns.</param>
    /// <param name="addGenerationPrompt">Whether the text ends where the assistant's answer begins.</param>
    /// <param name="tools">Descriptions of the tools that may be called.</param>
    /// <param name="variables">Further variables; they win over the model's own.</param>
    /// <exception cref="ChatTemplateException">The template refused the messages, in its own words, or cannot be evaluated.</exception>
    public string Render(
        IReadOnlyList<ChatMessage> messages,
        bool addGenerationPrompt,
        IReadOnlyList<object?>? tools = null,
        IReadOnlyDictionary<string, object?>? variables = null)
    {
        var context = new Dictionary<string, object?>(_specialTokens)
        {
            ["messages"] = messages.Select(m => (object?)m.Fields).ToList(),
            ["tools"] = tools,
            ["documents"] = null,
            ["add_generation_prompt"] = addGenerationPrompt,
        };
        foreach ((string name, object? value) in variables ?? new Dictionary<string, object?>()) context[name] = value;
        try
        {
            return Choose(tools is not null).Render(context, timeProvider: _timeProvider);
        }
        catch (JinjaRenderException exception)
        {
            throw new ChatTemplateException($"The model's chat template does not take these messages: {exception.Message}", exception);
        }
    }

    private JinjaTemplate Choose(bool hasTools) =>
        hasTools && _templates.TryGetValue(ForTools, out JinjaTemplate? forTools) ? forTools :
        _templates.TryGetValue(Default, out JinjaTemplate? standard) ? standard :
        throw new ChatTemplateException($"The model has the chat templates {string.Join(", ", _templates.Keys.Order())}, but none named '{Default}'.");
}
