using TrainingService.Datasets.Preparation;

namespace TrainingService.Training.Batching;

/// <summary>Splits a micro-batch into packs of so many tokens, so that memory does not depend on the batch size.</summary>
internal static class TokenBudget
{
    /// <summary>Packs in the order given; a single pair larger than the budget is a pack of its own.</summary>
    public static IEnumerable<ArraySegment<T>> Split<T>(T[] rows, Func<T, TokenizedPair> pairOf, int budget)
    {
        int start = 0, tokens = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            TokenizedPair pair = pairOf(rows[i]);
            int own = pair.PromptIds.Length + pair.ChosenIds.Length + pair.RejectedIds.Length;
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
