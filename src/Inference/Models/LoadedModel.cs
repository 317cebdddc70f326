using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Inference.Decoding;
using TrainingService.Inference.Errors;
using TrainingService.Inference.Requests;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Models;

/// <summary>A model that answers: its tokenizer, its chat template and its decoding thread.</summary>
/// <param name="id">Its name.</param>
/// <param name="tokenizer">Its tokenizer; null where it has none, and knows token ids alone.</param>
/// <param name="endIds">Token ids that end an answer.</param>
/// <param name="template">Its chat template; null where it has none.</param>
/// <param name="decoding">Its decoding thread.</param>
/// <param name="limits">Sizes of its vocabulary and context.</param>
/// <param name="maxWaiting">Answers that may wait.</param>
internal sealed class LoadedModel(
    string id, ModelTokenizer? tokenizer, IReadOnlyList<int> endIds, ChatTemplate? template, DecodingLoop decoding, ModelLimits limits, int maxWaiting)
{
    /// <summary>The model's tokenizer; null where it has none.</summary>
    public ModelTokenizer? Tokenizer => tokenizer;

    /// <summary>The model's tokenizer, for a field that cannot do without.</summary>
    public ModelTokenizer TokenizerFor(string param) => tokenizer ?? throw RequestException.Bad(
        $"The model '{id}' has no tokenizer.json, so it cannot read text: {param} needs one. POST /v1/completions takes lists of token ids as prompt.", param, "no_tokenizer");

    /// <summary>Token ids of a conversation, up to where the answer begins.</summary>
    public int[] Encode(IReadOnlyList<ChatMessage> messages)
    {
        ModelTokenizer encoder = TokenizerFor("messages");
        if (template is null)
            throw RequestException.Bad($"The model '{id}' has no chat template, so it does not know conversations. Continue a text by POST /v1/completions instead.", "model", "no_chat_template");
        try
        {
            return encoder.Encode(template.Render(messages, addGenerationPrompt: true), addSpecialTokens: false);
        }
        catch (ChatTemplateException e)
        {
            throw RequestException.Bad(e.Message, "messages");
        }
    }

    /// <summary>Refuses a prompt that the model cannot take.</summary>
    /// <param name="prompt">Token ids.</param>
    /// <param name="maxTokens">Tokens asked for; null when the context's end is the limit.</param>
    /// <param name="param">Name of the field that the prompt came from.</param>
    public void Check(IReadOnlyList<int> prompt, int? maxTokens, string param)
    {
        if (prompt.Count == 0) throw RequestException.Bad($"{param} is empty; the model needs at least one token to begin with.", param);
        foreach (int token in prompt)
            if (token < 0 || token >= limits.VocabularySize)
                throw RequestException.Bad($"{param} holds the token id {token}; ids of this model are 0 to {limits.VocabularySize - 1}.", param);
        // Without a limit there must be room for one token at least.
        int answer = maxTokens ?? 1;
        if (prompt.Count + (long)answer > limits.ContextLength)
            throw RequestException.Bad(
                $"This model's maximum context length is {limits.ContextLength} tokens, but {prompt.Count + (long)answer} were asked for: {prompt.Count} in {param}, {answer} for the answer. Shorten one of them.",
                param, "context_length_exceeded");
    }

    /// <summary>Begins to answer prompts that <see cref="Check"/> let pass.</summary>
    /// <param name="prompts">The prompts' token ids; each gets as many answers as the settings say, one after another.</param>
    /// <param name="settings">The request's settings.</param>
    /// <param name="continuesText">Whether answers go on with the prompt's text.</param>
    /// <param name="cancellationToken">Set when the client is gone, which stops the decoding.</param>
    public AnswerChannel Answer(IReadOnlyList<int[]> prompts, AnswerSettings settings, bool continuesText, CancellationToken cancellationToken)
    {
        if (decoding.Waiting >= maxWaiting) throw RequestException.Busy($"{decoding.Waiting} answers wait for the model '{id}' already; send the request again a little later.");
        if (settings.Stop.Count > 0) TokenizerFor("stop");
        int count = prompts.Count * settings.Answers;
        var channel = new AnswerChannel(count, cancellationToken);
        long seed = settings.Seed ?? Random.Shared.NextInt64();
        var answers = new Answer[count];
        for (int i = 0; i < count; i++)
        {
            int[] prompt = prompts[i / settings.Answers];
            var sampling = new SamplingOptions
            {
                Temperature = settings.Temperature,
                TopP = settings.TopP,
                TopLogProbs = settings.TopLogProbs ?? 0,
                Seed = SeedOf(seed, i % settings.Answers),
            };
            answers[i] = new(i, prompt, settings.MaxTokens ?? limits.ContextLength - prompt.Length, settings, sampling, endIds, tokenizer, continuesText, channel);
        }
        decoding.Enqueue(answers);
        return channel;
    }

    /// <summary>Log-probabilities of a text's tokens after the first.</summary>
    public Task<IReadOnlyList<GeneratedToken>> ScoreAsync(IReadOnlyList<int> ids, int topLogProbs, CancellationToken cancellationToken) =>
        decoding.ScoreAsync(ids, topLogProbs, cancellationToken);

    /// <summary>Frees the model.</summary>
    public Task UnloadAsync() => decoding.CloseAsync();

    // The first answer has the seed itself, whatever n is; the golden ratio keeps the others' seeds apart.
    private static int SeedOf(long seed, int answer) => unchecked((int)(seed ^ (seed >>> 32)) + answer * (int)0x9E3779B9);
}
