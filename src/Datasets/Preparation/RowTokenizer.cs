using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Recipes;

namespace TrainingService.Datasets.Preparation;

/// <summary>The ids of a row as TRL makes them: prompt, and prompt with completion, are encoded whole, then compared.</summary>
internal sealed class RowTokenizer(ModelTokenizer? tokenizer, ChatTemplate? template, PreparationOptions options)
{
    // Text that already starts with the token would get it twice from the tokenizer's own post-processing.
    private readonly int? _prependedId = tokenizer?.BosId is { } bos && tokenizer.Encode("", addSpecialTokens: true).FirstOrDefault(-1) == bos ? bos : null;

    // The trainers of ORPO and CPO write both ends themselves, template or not.
    private readonly bool _writesBothEnds = options.Method is TrainingMethod.Orpo or TrainingMethod.Cpo;

    /// <summary>The uncut row.</summary>
    /// <exception cref="ChatTemplateException">The template does not take the row's messages, or there is none.</exception>
    public EncodedRow Encode(TrainingRow row) => row switch
    {
        { Kind: RowKind.Supervised } => EncodeSequence(row),
        TokenRow tokens => Of(row, tokens.Prompt, tokens.Completions, promptIsPrefix: true),
        ConversationRow conversation => Split(row, Encode(conversation, conversation.Prompt, addGenerationPrompt: true),
            [.. conversation.Completions.Select(completion => Encode(conversation, [.. conversation.Prompt, .. completion], addGenerationPrompt: false))]),
        TextRow text => Split(row, Encode(text.Prompt), [.. text.Completions.Select(completion => Encode(text.Prompt + Ended(completion)))]),
        _ => throw new ArgumentException($"A row of type {row.GetType().Name} cannot be tokenized.", nameof(row)),
    };

    /// <summary>Says that ids have a begin or end token twice, once from the text and once from the template or tokenizer; null when they have not.</summary>
    public string? DoubledToken(ReadOnlySpan<int> start, params ReadOnlySpan<int[]> completions)
    {
        if (tokenizer is null) return null;
        if (tokenizer.BosId is { } bos && start.StartsWith([bos, bos]))
            return $"The begin token {tokenizer.BosToken} stands twice before the prompt: remove it from the row's text.";
        if (tokenizer.EosId is { } eos)
            foreach (int[] completion in completions)
                if (completion.AsSpan().IndexOf([eos, eos]) >= 0)
                    return $"The end token {tokenizer.EosToken} stands twice in a row in a completion: remove it from the row's text.";
        return null;
    }

    private EncodedRow Split(TrainingRow row, int[] prompt, int[][] full)
    {
        int shared = full.Min(ids => prompt.AsSpan().CommonPrefixLength(ids));
        int[][] completions = [.. full.Select(ids => ids[shared..])];
        int[] start = prompt[..shared];
        if (_writesBothEnds && tokenizer is not null)
        {
            if (tokenizer.BosId is { } bos && start.FirstOrDefault(-1) != bos) start = [bos, .. start];
            if (tokenizer.EosId is { } eos)
                completions = [.. completions.Select(ids => ids is [.., var last] && last == eos ? ids : [.. ids, eos])];
        }
        return Of(row, start, completions, shared == prompt.Length);
    }

    private static EncodedRow Of(TrainingRow row, int[] prompt, IReadOnlyList<int[]> completions, bool promptIsPrefix) => new(
        row.Kind == RowKind.Preference
            ? new TokenizedPair(row.Row, prompt, completions[0], completions[1])
            : new TokenizedExample(row.Row, prompt, completions[0], row.Label),
        promptIsPrefix);

    private EncodedRow EncodeSequence(TrainingRow row)
    {
        EncodedRow encoded = row switch
        {
            TokenRow { Prompt: [] } tokens => new(new TokenizedSequence(row.Row, tokens.Completions[0], tokens.Trained ?? All(tokens.Completions[0]))),
            TokenRow tokens => Trained(row, [.. tokens.Prompt, .. tokens.Completions[0]], tokens.Prompt.Length, promptIsPrefix: true),
            TextRow { Prompt: "" } text => Trained(row, Encode(Ended(text.Completions[0])), from: 0, promptIsPrefix: true),
            TextRow text => FromPrompt(row, Encode(text.Prompt), Encode(text.Prompt + Ended(text.Completions[0]))),
            ConversationRow conversation => EncodeConversation(conversation),
            _ => throw new ArgumentException($"A row of type {row.GetType().Name} cannot be tokenized.", nameof(row)),
        };
        if (options.AssistantOnlyLoss) return encoded;
        var sequence = (TokenizedSequence)encoded.Row;
        return new(sequence with { Trained = All(sequence.Ids) });
    }

    private static EncodedRow FromPrompt(TrainingRow row, int[] prompt, int[] full)
    {
        int shared = prompt.AsSpan().CommonPrefixLength(full);
        return Trained(row, full, shared, shared == prompt.Length);
    }

    private static EncodedRow Trained(TrainingRow row, int[] ids, int from, bool promptIsPrefix)
    {
        var trained = new bool[ids.Length];
        trained.AsSpan(from).Fill(true);
        return new(new TokenizedSequence(row.Row, ids, trained), promptIsPrefix);
    }

    /// <summary>
    /// Finds the assistant's turns by rendering the conversation up to each: a turn's tokens are what its rendering adds. Where
    /// a template prints a turn otherwise once others follow it, its place is not known and it is not trained.
    /// </summary>
    private EncodedRow EncodeConversation(ConversationRow row)
    {
        List<ChatMessage> messages = [.. row.Prompt, .. row.Completions[0]];
        int[] ids = Encode(row, messages, addGenerationPrompt: false);
        var trained = new bool[ids.Length];
        int unplaced = 0;
        for (int i = row.Prompt.Count; i < messages.Count; i++)
        {
            if (!messages[i].IsTrained) continue;
            if (PlaceOf(row, messages, i, ids) is { } place) trained.AsSpan(place).Fill(true);
            else unplaced++;
        }
        return new(new TokenizedSequence(row.Row, ids, trained), TurnsNotPlaced: unplaced);
    }

    private Range? PlaceOf(ConversationRow row, List<ChatMessage> messages, int turn, int[] ids)
    {
        try
        {
            int[] asked = Encode(row, messages[..turn], addGenerationPrompt: true);
            int start = asked.AsSpan().CommonPrefixLength(ids);
            // The words that open an answer may be printed otherwise when it is there; the turns before it may not.
            if (start < asked.Length && Encode(row, messages[..turn], addGenerationPrompt: false) is var before && before.AsSpan().CommonPrefixLength(ids) < before.Length)
                return null;
            int[] answered = turn == messages.Count - 1 ? ids : Encode(row, messages[..(turn + 1)], addGenerationPrompt: false);
            return answered.AsSpan().CommonPrefixLength(ids) == answered.Length ? start..answered.Length : null;
        }
        catch (ChatTemplateException)
        {
            // A template may take the whole conversation and not a part of it.
            return null;
        }
    }

    private int[] Encode(ConversationRow row, IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt)
    {
        ModelTokenizer encoder = Tokenizer;
        if (template is null)
            throw new ChatTemplateException("The file holds messages, but the model has no chat template (no chat_template.jinja and none in tokenizer_config.json): train on plain text, or choose a model with a chat template.");
        return encoder.Encode(template.Render(messages, addGenerationPrompt, row.Tools, row.TemplateVariables), addSpecialTokens: false);
    }

    private int[] Encode(string text)
    {
        int[] ids = Tokenizer.Encode(text, addSpecialTokens: false);
        return _prependedId is { } bos && ids.FirstOrDefault(-1) != bos ? [bos, .. ids] : ids;
    }

    private string Ended(string completion) =>
        Tokenizer.EosToken is { } eos && !completion.EndsWith(eos, StringComparison.Ordinal) ? completion + eos : completion;

    private ModelTokenizer Tokenizer => tokenizer
        ?? throw new ChatTemplateException("The file holds text, but the model has no tokenizer.json: give rows of token ids, or choose a model with a tokenizer.");

    private static bool[] All(int[] ids) => [.. Enumerable.Repeat(true, ids.Length)];
}
