using TrainingService.Training.Generation;

namespace TrainingService.Inference.Decoding;

/// <summary>A part of an answer.</summary>
/// <param name="Index">The answer's place among the request's.</param>
/// <param name="Text">More of the text; empty only at the end, or beside tokens that have no text.</param>
/// <param name="Tokens">The tokens that the text is made of, when log-probabilities are asked for.</param>
/// <param name="End">In the last part why the answer ends and how many tokens it took, else null.</param>
internal sealed record AnswerPart(int Index, string Text, IReadOnlyList<PlacedToken> Tokens, AnswerEnd? End = null);

/// <summary>A token and its place.</summary>
/// <param name="Token">The token.</param>
/// <param name="Offset">Where it begins in the answer's text, in code points.</param>
internal sealed record PlacedToken(GeneratedToken Token, int Offset);

/// <summary>The end of an answer.</summary>
/// <param name="Reason"><c>stop</c> or <c>length</c>.</param>
/// <param name="Tokens">Tokens drawn; an end token is not counted.</param>
internal sealed record AnswerEnd(string Reason, int Tokens)
{
    /// <summary>An end token or a stop text.</summary>
    public const string Stop = "stop";

    /// <summary>The limit of tokens.</summary>
    public const string Length = "length";
}
