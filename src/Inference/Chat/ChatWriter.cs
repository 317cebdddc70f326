using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Completions;
using TrainingService.Inference.Decoding;
using TrainingService.Inference.Requests;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Chat;

/// <summary>Writes the answers to a conversation as OpenAI does, whole or in parts.</summary>
internal sealed class ChatWriter(ChatRequest request, int promptTokens, ModelTokenizer? tokenizer, DateTimeOffset now) : IAnswerWriter<ChatCompletion>
{
    private readonly string _id = $"chatcmpl-{Guid.NewGuid():N}";

    public async Task<ChatCompletion> WholeAsync(AnswerChannel channel)
    {
        WrittenAnswer[] answers = await WrittenAnswer.ReadAllAsync(channel, request.Settings.Answers);
        return new(_id, now.ToUnixTimeSeconds(), request.Model,
            [.. answers.Select((a, i) => new ChatChoice(i, new(a.Text), LogProbs(a.Tokens), a.End.Reason))],
            new(promptTokens, answers.Sum(a => a.End.Tokens)));
    }

    public async Task StreamAsync(AnswerChannel channel, EventStream events)
    {
        for (int i = 0; i < request.Settings.Answers; i++)
            await events.WriteAsync(Chunk(new ChatChunkChoice(i, new("assistant", ""), null, null)));
        int completionTokens = 0;
        await foreach (AnswerPart part in channel.ReadAllAsync())
        {
            if (part.Text.Length > 0 || part.Tokens.Count > 0)
                await events.WriteAsync(Chunk(new ChatChunkChoice(part.Index, new(Content: part.Text), LogProbs(part.Tokens), null)));
            if (part.End is not { } end) continue;
            completionTokens += end.Tokens;
            await events.WriteAsync(Chunk(new ChatChunkChoice(part.Index, new(), null, end.Reason)));
        }
        if (request.Settings.IncludeUsage)
            await events.WriteAsync(Chunk() with { Usage = new(promptTokens, completionTokens) });
        await events.DoneAsync();
    }

    private ChatCompletionChunk Chunk(params ChatChunkChoice[] choices) => new(_id, now.ToUnixTimeSeconds(), request.Model, choices);

    private ChatLogProbs? LogProbs(IReadOnlyList<PlacedToken> tokens) => request.Settings.TopLogProbs is null ? null : new([.. tokens.Select(t =>
    {
        TokenText text = TokenText.Of(t.Token.Token, tokenizer);
        return new ChatTokenLogProb(text.Text, text.LogProb, text.Bytes, [.. t.Token.Top.Select(Top)]);
    })]);

    private ChatTopLogProb Top(TokenLogProb token)
    {
        TokenText text = TokenText.Of(token, tokenizer);
        return new(text.Text, text.LogProb, text.Bytes);
    }
}
