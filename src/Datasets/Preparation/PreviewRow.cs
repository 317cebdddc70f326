using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Preparation;

/// <summary>A row as the model reads it.</summary>
/// <param name="Row">The 1-based line in the file.</param>
/// <param name="Prompt">The end of the prompt's tokens.</param>
/// <param name="Chosen">The start of the chosen completion's tokens.</param>
/// <param name="Rejected">The start of the rejected completion's tokens.</param>
/// <param name="TokensNotShown">Tokens of the row beyond those shown.</param>
public sealed record PreviewRow(
    long Row, IReadOnlyList<PreviewToken> Prompt, IReadOnlyList<PreviewToken> Chosen, IReadOnlyList<PreviewToken> Rejected, int TokensNotShown)
{
    // What a person reads; the seam between prompt and completion is among it.
    private const int MostTokens = 512;

    internal static PreviewRow Of(TokenizedPair pair, ModelTokenizer tokenizer)
    {
        IReadOnlyList<PreviewToken> Show(ReadOnlySpan<int> ids, bool trained)
        {
            // One decoder for all: the texts joined are the text, and a character of several tokens stands at the last of them.
            StreamingDecoder decoder = tokenizer.CreateStreamingDecoder(skipSpecialTokens: false);
            var tokens = new List<PreviewToken>(ids.Length);
            foreach (int id in ids) tokens.Add(new(id, decoder.Append(id), trained));
            if (decoder.Flush() is { Length: > 0 } rest) tokens[^1] = tokens[^1] with { Text = tokens[^1].Text + rest };
            return tokens;
        }

        int Hidden(int[] ids) => Math.Max(0, ids.Length - MostTokens);
        return new(pair.Row,
            Show(pair.PromptIds.AsSpan(Hidden(pair.PromptIds)), trained: false),
            Show(pair.ChosenIds.AsSpan(0, Math.Min(MostTokens, pair.ChosenIds.Length)), trained: true),
            Show(pair.RejectedIds.AsSpan(0, Math.Min(MostTokens, pair.RejectedIds.Length)), trained: true),
            Hidden(pair.PromptIds) + Hidden(pair.ChosenIds) + Hidden(pair.RejectedIds));
    }
}

/// <summary>A token of a preview.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">Its text; empty where a character only ends with a later token.</param>
/// <param name="Trained">Whether the loss counts it: completions are trained on, prompts only read.</param>
public sealed record PreviewToken(int Id, string Text, bool Trained);
