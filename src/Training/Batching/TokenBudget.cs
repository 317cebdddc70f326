namespace TrainingService.Training.Batching;

/// <summary>Splits a micro-batch into packs of so many tokens, so that memory does not depend on the batch size.</summary>
internal static class TokenBudget
{
    /// <summary>Packs in the order given; a single row larger than the budget is a pack of its own.</summary>
    public static IEnumerable<ArraySegment<int>> Split(int[] rows, Func<int, int> tokensOf, int budget)
    {
        int start = 0, tokens = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            int own = tokensOf(rows[i]);
            if (i > start && tokens + own > budget)
            {
                yield return new(rows, start, i - start);
                (start, tokens) = (i, 0);
            }
            tokens += own;
        }
        if (start < rows.Length) yield return new(rows, start, rows.Length - start);
    }
}
