using TrainingService.Datasets.Tokenization;
using TrainingService.Inference.Decoding;
using TrainingService.Inference.Models;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Completions;

/// <summary>A text to be continued, as the model reads it.</summary>
/// <param name="Text">The text; empty where the model has no tokenizer.</param>
/// <param name="Ids">Its token ids.</param>
/// <param name="TextStart">Where the text begins among the ids: the tokenizer may put a beginning of sequence before it.</param>
/// <param name="Tokens">The tokens with their log-probabilities and places, when the answer repeats them.</param>
internal sealed record EncodedPrompt(string Text, int[] Ids, int TextStart, IReadOnlyList<PlacedToken> Tokens)
{
    /// <summary>Code points of the text.</summary>
    public int Length => CodePoints(Text);

    public static EncodedPrompt Of(CompletionPrompt prompt, LoadedModel model)
    {
        if (prompt.Ids is not null) return new(model.Tokenizer?.Decode(prompt.Ids, skipSpecialTokens: false) ?? "", [.. prompt.Ids], 0, []);
        ModelTokenizer tokenizer = model.TokenizerFor("prompt");
        int[] ids = tokenizer.Encode(prompt.Text!, addSpecialTokens: true);
        // Without a text the model begins one.
        if (ids.Length == 0 && tokenizer.BosId is { } begin) ids = [begin];
        return new(prompt.Text!, ids, Math.Max(0, ids.AsSpan().IndexOf(tokenizer.Encode(prompt.Text!, addSpecialTokens: false))), []);
    }

    /// <summary>The prompt with its tokens placed, and scored when log-probabilities are asked for.</summary>
    public async Task<EncodedPrompt> EchoAsync(LoadedModel model, int? topLogProbs, CancellationToken cancellationToken)
    {
        if (topLogProbs is not { } top) return this;
        IReadOnlyList<GeneratedToken> scores = await model.ScoreAsync(Ids, top, cancellationToken);
        StreamingDecoder? decoder = model.Tokenizer?.CreateStreamingDecoder(skipSpecialTokens: false);
        var tokens = new PlacedToken[Ids.Length];
        int offset = 0;
        for (int i = 0; i < Ids.Length; i++)
        {
            // Nothing precedes the first token, so it has no probability.
            tokens[i] = new(i == 0 ? new(new(Ids[0], float.NaN), []) : scores[i - 1], offset);
            if (i >= TextStart) offset += CodePoints(decoder?.Append(Ids[i]) ?? "");
        }
        return this with { Tokens = tokens };
    }

    private static int CodePoints(string text) => text.Length - text.Count(char.IsLowSurrogate);
}
