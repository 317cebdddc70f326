namespace TrainingService.Datasets.Tokenization;

/// <summary>What becomes of the delimiters at which a text is split.</summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

/// <summary>Splits where a pattern matches (or, inverted, where it does not).</summary>
internal sealed class PatternSplitter(UnicodePattern pattern, SplitBehavior behavior, bool invert)
{
    public void Split(TextPiece piece, List<TextPiece> output)
    {
        List<Stretch> stretches = [];
        var previousEnd = 0;
        foreach (var (start, end) in pattern.Matches(piece.Text.Span))
        {
            if (start > previousEnd)
            {
                stretches.Add(new Stretch(previousEnd, start, invert));
            }
            stretches.Add(new Stretch(start, end, !invert));
            previousEnd = end;
        }
        if (previousEnd < piece.Text.Length)
        {
            stretches.Add(new Stretch(previousEnd, piece.Text.Length, invert));
        }

        switch (behavior)
        {
            case SplitBehavior.Removed:
                stretches.RemoveAll(stretch => stretch.IsDelimiter);
                break;
            case SplitBehavior.MergedWithPrevious:
                Merge(stretches, (left, right) => right.IsDelimiter && !left.IsDelimiter);
                break;
            case SplitBehavior.MergedWithNext:
                Merge(stretches, (left, right) => left.IsDelimiter && !right.IsDelimiter);
                break;
            case SplitBehavior.Contiguous:
                Merge(stretches, (left, right) => left.IsDelimiter == right.IsDelimiter);
                break;
        }
        foreach (var (start, end, _) in stretches)
        {
            if (end > start)
            {
                output.Add(new TextPiece(piece.Text[start..end], piece.StartsText && start == 0));
            }
        }
    }

    /// <summary>Joins neighbours; each pair is judged by what the two were before any joining, as in the original.</summary>
    private static void Merge(List<Stretch> stretches, Func<Stretch, Stretch, bool> belongTogether)
    {
        var kept = 0;
        for (var index = 1; index < stretches.Count; index++)
        {
            var joined = belongTogether(stretches[kept], stretches[index]);
            stretches[joined ? kept : ++kept] = joined
                ? new Stretch(stretches[kept].Start, stretches[index].End, stretches[index].IsDelimiter)
                : stretches[index];
        }
        if (stretches.Count > 0)
        {
            stretches.RemoveRange(kept + 1, stretches.Count - kept - 1);
        }
    }

    private readonly record struct Stretch(int Start, int End, bool IsDelimiter);
}
