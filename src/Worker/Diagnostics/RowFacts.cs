using TrainingService.Datasets.Preparation;

namespace TrainingService.Worker.Diagnostics;

/// <summary>What of a run's rows bears on how its figures are read.</summary>
internal sealed record RowFacts
{
    /// <summary>Rows trained on.</summary>
    public required int Rows { get; init; }

    /// <summary>Rows that are evaluated.</summary>
    public int EvaluatedRows { get; init; }

    /// <summary>Share of the pairs whose chosen completion has more tokens.</summary>
    public double ChosenLongerShare { get; init; } = 0.5;

    /// <summary>Mean tokens of a chosen completion, or of one with a thumb up.</summary>
    public double ChosenTokens { get; init; }

    /// <summary>Mean tokens of a rejected completion, or of one with a thumb down.</summary>
    public double RejectedTokens { get; init; }

    /// <summary>Rows with a thumb up.</summary>
    public int ThumbsUp { get; init; }

    /// <summary>Rows with a thumb down.</summary>
    public int ThumbsDown { get; init; }

    public static RowFacts Of(IReadOnlyList<TokenizedRow> rows, int evaluated)
    {
        TokenizedPair[] pairs = [.. rows.OfType<TokenizedPair>()];
        ILookup<bool, TokenizedExample> thumbs = rows.OfType<TokenizedExample>().ToLookup(e => e.Label);
        return new()
        {
            Rows = rows.Count,
            EvaluatedRows = evaluated,
            ChosenLongerShare = pairs.Length == 0 ? 0.5 : (double)pairs.Count(p => p.ChosenIds.Length > p.RejectedIds.Length) / pairs.Length,
            ChosenTokens = Mean(pairs.Select(p => p.ChosenIds).Concat(thumbs[true].Select(e => e.CompletionIds))),
            RejectedTokens = Mean(pairs.Select(p => p.RejectedIds).Concat(thumbs[false].Select(e => e.CompletionIds))),
            ThumbsUp = thumbs[true].Count(),
            ThumbsDown = thumbs[false].Count(),
        };
    }

    private static double Mean(IEnumerable<int[]> completions) => completions.Select(c => (double)c.Length).DefaultIfEmpty(0).Average();
}
