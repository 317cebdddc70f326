using System.Text.Json.Serialization;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Preparation;

/// <summary>A row as the model reads it.</summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="TokensNotShown">Tokens of the row beyond those shown.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(PairPreview), "preference")]
[JsonDerivedType(typeof(LabelledPreview), "labelled")]
[JsonDerivedType(typeof(SupervisedPreview), "supervised")]
public abstract record PreviewRow(long Row, int TokensNotShown)
{
    // What a person reads; the seam between prompt and completion is among it.
    private const int MostTokens = 512;

    internal static PreviewRow Of(TokenizedRow row, ModelTokenizer? tokenizer)
    {
        IReadOnlyList<PreviewToken> Show(int[] ids, Range range, Func<int, bool> isTrained)
        {
            // One decoder for all: the texts joined are the text, and a character of several tokens stands at the last of them.
            StreamingDecoder? decoder = tokenizer?.CreateStreamingDecoder(skipSpecialTokens: false);
            (int offset, int length) = range.GetOffsetAndLength(ids.Length);
            var tokens = new List<PreviewToken>(length);
            for (int i = offset; i < offset + length; i++) tokens.Add(new(ids[i], decoder?.Append(ids[i]) ?? "", isTrained(i)));
            if (decoder?.Flush() is { Length: > 0 } rest) tokens[^1] = tokens[^1] with { Text = tokens[^1].Text + rest };
            return tokens;
        }

        IReadOnlyList<PreviewToken> Prompt(int[] ids) => Show(ids, Hidden(ids).., _ => false);
        IReadOnlyList<PreviewToken> Completion(int[] ids) => Show(ids, ..Math.Min(MostTokens, ids.Length), _ => true);
        return row switch
        {
            TokenizedPair p => new PairPreview(row.Row, Prompt(p.PromptIds), Completion(p.ChosenIds), Completion(p.RejectedIds), Hidden(p.PromptIds) + Hidden(p.ChosenIds) + Hidden(p.RejectedIds)),
            TokenizedExample e => new LabelledPreview(row.Row, Prompt(e.PromptIds), Completion(e.CompletionIds), e.Label, Hidden(e.PromptIds) + Hidden(e.CompletionIds)),
            TokenizedSequence s => new SupervisedPreview(row.Row, Show(s.Ids, ..Math.Min(MostTokens, s.Ids.Length), i => i > 0 && s.Trained[i]), Hidden(s.Ids)),
            _ => throw new ArgumentException($"Rows of type {row.GetType().Name} are not shown.", nameof(row)),
        };
    }

    private static int Hidden(int[] ids) => Math.Max(0, ids.Length - MostTokens);
}

/// <summary>A pair as the model reads it.</summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="Prompt">The end of the prompt's tokens.</param>
/// <param name="Chosen">The start of the chosen completion's tokens.</param>
/// <param name="Rejected">The start of the rejected completion's tokens.</param>
/// <param name="TokensNotShown">Tokens of the row beyond those shown.</param>
public sealed record PairPreview(
    long Row, IReadOnlyList<PreviewToken> Prompt, IReadOnlyList<PreviewToken> Chosen, IReadOnlyList<PreviewToken> Rejected, int TokensNotShown)
    : PreviewRow(Row, TokensNotShown);

/// <summary>A labelled completion as the model reads it.</summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="Prompt">The end of the prompt's tokens.</param>
/// <param name="Completion">The start of the completion's tokens.</param>
/// <param name="Label">Whether the completion is desirable.</param>
/// <param name="TokensNotShown">Tokens of the row beyond those shown.</param>
public sealed record LabelledPreview(
    long Row, IReadOnlyList<PreviewToken> Prompt, IReadOnlyList<PreviewToken> Completion, bool Label, int TokensNotShown)
    : PreviewRow(Row, TokensNotShown);

/// <summary>A sequence as the model reads it.</summary>
/// <param name="Row">The 1-based row in the file.</param>
/// <param name="Tokens">The start of its tokens.</param>
/// <param name="TokensNotShown">Tokens of the row beyond those shown.</param>
public sealed record SupervisedPreview(long Row, IReadOnlyList<PreviewToken> Tokens, int TokensNotShown) : PreviewRow(Row, TokensNotShown);

/// <summary>A token of a preview.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">Its text; empty where a character only ends with a later token, or the model has no tokenizer.</param>
/// <param name="Trained">Whether the loss counts it: completions are trained on, prompts only read.</param>
public sealed record PreviewToken(int Id, string Text, bool Trained);
