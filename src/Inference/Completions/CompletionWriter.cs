using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Completions;
using TrainingService.Inference.Decoding;
using TrainingService.Inference.Requests;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Completions;

/// <summary>Writes continuations as OpenAI does, whole or in parts.</summary>
internal sealed class CompletionWriter(CompletionRequest request, IReadOnlyList<EncodedPrompt> prompts, ModelTokenizer? tokenizer, DateTimeOffset now)
    : IAnswerWriter<Completion>
{
    private readonly string _id = $"cmpl-{Guid.NewGuid():N}";

    private int Choices => prompts.Count * request.Settings.Answers;

    private int PromptTokens => prompts.Sum(p => p.Ids.Length);

    public async Task<Completion> WholeAsync(AnswerChannel channel)
    {
        WrittenAnswer[] answers = await WrittenAnswer.ReadAllAsync(channel, Choices);
        return Part([.. answers.Select((a, i) => request.Echo
            ? new CompletionChoice(i, PromptOf(i).Text + a.Text, LogProbs([.. PromptOf(i).Tokens, .. Moved(a.Tokens, i)]), a.End.Reason)
            : new CompletionChoice(i, a.Text, LogProbs(a.Tokens), a.End.Reason))])
            with { Usage = new(PromptTokens, answers.Sum(a => a.End.Tokens)) };
    }

    public async Task StreamAsync(AnswerChannel channel, EventStream events)
    {
        if (request.Echo)
            for (int i = 0; i < Choices; i++)
                await events.WriteAsync(Part(new CompletionChoice(i, PromptOf(i).Text, LogProbs(PromptOf(i).Tokens), null)));
        int completionTokens = 0;
        await foreach (AnswerPart part in channel.ReadAllAsync())
        {
            await events.WriteAsync(Part(new CompletionChoice(part.Index, part.Text, LogProbs([.. Moved(part.Tokens, part.Index)]), part.End?.Reason)));
            completionTokens += part.End?.Tokens ?? 0;
        }
        if (request.Settings.IncludeUsage) await events.WriteAsync(Part() with { Usage = new(PromptTokens, completionTokens) });
        await events.DoneAsync();
    }

    private Completion Part(params CompletionChoice[] choices) => new(_id, now.ToUnixTimeSeconds(), request.Model, choices);

    private EncodedPrompt PromptOf(int choice) => prompts[choice / request.Settings.Answers];

    /// <summary>The tokens of an answer, whose text comes after the prompt's when that is repeated.</summary>
    private IEnumerable<PlacedToken> Moved(IReadOnlyList<PlacedToken> tokens, int choice) =>
        request.Echo ? tokens.Select(t => t with { Offset = t.Offset + PromptOf(choice).Length }) : tokens;

    private CompletionLogProbs? LogProbs(IReadOnlyList<PlacedToken> tokens)
    {
        if (request.Settings.TopLogProbs is not { } top) return null;
        TokenText[] texts = [.. tokens.Select(t => TokenText.Of(t.Token.Token, tokenizer))];
        return new([.. texts.Select(t => t.Text)],
            [.. tokens.Zip(texts, (t, text) => IsScored(t) ? text.LogProb : (float?)null)],
            top == 0 ? null : [.. tokens.Select(t => IsScored(t) ? Top(t.Token) : null)],
            [.. tokens.Select(t => t.Offset)]);
    }

    private Dictionary<string, float> Top(GeneratedToken token)
    {
        var top = new Dictionary<string, float>();
        // Two tokens may have one text, e.g. parts of characters: the more probable one comes first and stays.
        foreach (TokenText text in token.Top.Append(token.Token).Select(t => TokenText.Of(t, tokenizer))) top.TryAdd(text.Text, text.LogProb);
        return top;
    }

    private static bool IsScored(PlacedToken token) => !float.IsNaN(token.Token.Token.LogProb);
}
