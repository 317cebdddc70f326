using System.Text;
using TrainingService.Datasets.Tokenization;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Decoding;

/// <summary>A token as clients see it.</summary>
/// <param name="Text">Its text by itself; U+FFFD stands for a part of a character, and <c>token_id:5</c> for what a model without a tokenizer cannot write.</param>
/// <param name="LogProb">Natural logarithm of its probability.</param>
internal readonly record struct TokenText(string Text, float LogProb)
{
    // JSON has no infinity; OpenAI writes the same number.
    private const float Least = -9999;

    /// <summary>UTF-8 bytes of the text; null where it holds a part of a character only.</summary>
    public IReadOnlyList<int>? Bytes => Text.Contains('\uFFFD', StringComparison.Ordinal) ? null : [.. Encoding.UTF8.GetBytes(Text).Select(b => (int)b)];

    public static TokenText Of(TokenLogProb token, ModelTokenizer? tokenizer) =>
        new(tokenizer?.Decode([token.Id], skipSpecialTokens: false) ?? $"token_id:{token.Id}", float.IsFinite(token.LogProb) ? token.LogProb : Least);
}
