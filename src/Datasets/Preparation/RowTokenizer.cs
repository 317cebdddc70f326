using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Preparation;

/// <summary>The ids of a pair as TRL makes them: prompt, and prompt with completion, are encoded whole, then compared.</summary>
internal sealed class RowTokenizer(ModelTokenizer tokenizer, ChatTemplate? template)
{
    // Text that already starts with the token would get it twice from the tokenizer's own post-processing.
    private readonly int? _prependedId = tokenizer.BosId is { } bos && tokenizer.Encode("", addSpecialTokens: true).FirstOrDefault(-1) == bos ? bos : null;

    /// <summary>The uncut pair, and whether the prompt's own ids are how both full texts begin.</summary>
    /// <exception cref="ChatTemplateException">The template does not take the row's messages, or there is none.</exception>
    public (TokenizedPair Pair, bool PromptIsPrefix) Tokenize(PreferencePair pair) => pair switch
    {
        ConversationPair conversation => Split(pair.Row, Encode(conversation, [], addGenerationPrompt: true),
            Encode(conversation, conversation.Chosen, addGenerationPrompt: false),
            Encode(conversation, conversation.Rejected, addGenerationPrompt: false)),
        TextPair text => Split(pair.Row, Encode(text.Prompt), Encode(text.Prompt + Ended(text.Chosen)), Encode(text.Prompt + Ended(text.Rejected))),
        _ => throw new ArgumentException($"A pair of type {pair.GetType().Name} cannot be tokenized.", nameof(pair)),
    };

    /// <summary>Says that a pair has its begin or end token twice, once from the text and once from the template or tokenizer; null when it has not.</summary>
    public string? DoubledToken(TokenizedPair pair) =>
        tokenizer.BosId is { } bos && pair.PromptIds is [var first, var second, ..] && first == bos && second == bos
            ? $"The begin token {tokenizer.BosToken} stands twice before the prompt: remove it from the row's text."
        : tokenizer.EosId is { } eos && (pair.ChosenIds.AsSpan().IndexOf([eos, eos]) >= 0 || pair.RejectedIds.AsSpan().IndexOf([eos, eos]) >= 0)
            ? $"The end token {tokenizer.EosToken} stands twice in a row in a completion: remove it from the row's text."
        : null;

    private int[] Encode(ConversationPair pair, IReadOnlyList<ChatMessage> completion, bool addGenerationPrompt)
    {
        if (template is null)
            throw new ChatTemplateException("The file holds messages, but the model has no chat template (no chat_template.jinja and none in tokenizer_config.json): train on plain text, or choose a model with a chat template.");
        string text = template.Render([.. pair.Prompt, .. completion], addGenerationPrompt, pair.Tools, pair.TemplateVariables);
        return tokenizer.Encode(text, addSpecialTokens: false);
    }

    private int[] Encode(string text)
    {
        int[] ids = tokenizer.Encode(text, addSpecialTokens: false);
        return _prependedId is { } bos && ids.FirstOrDefault(-1) != bos ? [bos, .. ids] : ids;
    }

    private string Ended(string completion) =>
        tokenizer.EosToken is { } eos && !completion.EndsWith(eos, StringComparison.Ordinal) ? completion + eos : completion;

    private static (TokenizedPair, bool) Split(long row, int[] prompt, int[] withChosen, int[] withRejected)
    {
        int shared = Math.Min(prompt.AsSpan().CommonPrefixLength(withChosen), prompt.AsSpan().CommonPrefixLength(withRejected));
        return (new TokenizedPair(row, prompt[..shared], withChosen[shared..], withRejected[shared..]), shared == prompt.Length);
    }
}
