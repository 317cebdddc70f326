namespace TrainingService.Training.Generation;

/// <summary>A token and its log-probability.</summary>
/// <param name="Id">Token id.</param>
/// <param name="LogProb">Natural logarithm of its probability before temperature and top-p.</param>
public readonly record struct TokenLogProb(int Id, float LogProb);

/// <summary>A drawn token.</summary>
/// <param name="Token">The token.</param>
/// <param name="Top">The most probable tokens at its place, most probable first.</param>
public sealed record GeneratedToken(TokenLogProb Token, IReadOnlyList<TokenLogProb> Top);
