using TrainingService.Training.Batching;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Batching;

public class PackedBatchTests
{
    [Fact]
    public void SharedTokens_StandOnce()
    {
        using var batch = new PackedBatch([new([1, 2], [3, 4], [3, 5, 6]), new([7], [8], [9])], CPU);

        Assert.Equal([new PairSpan(0, 3, 1, 2), new PairSpan(6, 1, 1, 1)], batch.Spans);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9], batch.Ids.data<long>());
        Assert.Equal([0, 1, 2, 3, 3, 4, 0, 1, 1], batch.Positions.data<long>());
        Assert.Equal([3, 4, 3, 5, 6, 8, 9], batch.Targets.data<long>());
        // 3 is predicted by the prompt's last row, 4 and 5 by the shared row of 3, 6 by rejected's own first row.
        Assert.Equal([1, 2, 1, 2, 4, 6, 6], batch.Rows.data<long>());
        Assert.Equal([0, 0, 1, 1, 1, 2, 3], batch.Owners.data<long>());
        Assert.Equal([2, 3, 1, 1], batch.TargetCounts);
    }

    [Fact]
    public void PrefixOfTheOther_HasNoRowsOfItsOwn()
    {
        using var batch = new PackedBatch([new([1], [2, 3], [2, 3, 4])], CPU);
        Assert.Equal([new PairSpan(0, 3, 0, 1)], batch.Spans);
        Assert.Equal([0, 1, 0, 1, 2], batch.Rows.data<long>());
    }

    [Fact]
    public void FirstTokenOfASequence_IsPredictedByNothing()
    {
        using var batch = new PackedBatch([new([], [2, 3], [4])], CPU);
        Assert.Equal([3], batch.Targets.data<long>());
        Assert.Equal([1, 0], batch.TargetCounts);
    }

    [Fact]
    public void SequenceWithoutPrompt_PredictsItsCountedTokens()
    {
        using var batch = new PackedBatch([new([], [1, 2, 3, 4], []) { Counted = [true, false, true, true] }], CPU);
        Assert.Equal([new PairSpan(0, 0, 4, 0)], batch.Spans);
        Assert.Equal([3, 4], batch.Targets.data<long>());
        Assert.Equal([1, 2], batch.Rows.data<long>());
        Assert.Equal([2, 0], batch.TargetCounts);
    }

    [Fact]
    public void PromptTargets_ComeAfterThoseOfTheCompletions()
    {
        using var batch = new PackedBatch([new([1, 2], [3], [4]), new([5, 6, 7], [8], [9])], CPU, promptTargets: true);
        Assert.Equal([3, 4, 8, 9, 2, 6, 7], batch.Targets.data<long>());
        Assert.Equal([1, 1, 6, 6, 0, 4, 5], batch.Rows.data<long>());
        Assert.Equal([0, 1, 2, 3, 4, 5, 5], batch.Owners.data<long>());
        Assert.Equal([1, 1, 1, 1, 1, 2], batch.TargetCounts);
        Assert.Equal(4, batch.CompletionTargets);
    }

    [Theory]
    [InlineData(1, new[] { 1, 1, 1, 1 })]
    [InlineData(6, new[] { 2, 1, 1 })]
    [InlineData(8, new[] { 2, 2 })]
    [InlineData(100, new[] { 4 })]
    public void Budget_IsFilledInTheOrderGiven(int budget, int[] counts)
    {
        int[] lengths = [2, 4, 3, 5];
        ArraySegment<int>[] packs = [.. TokenBudget.Split([0, 1, 2, 3], r => lengths[r], budget)];
        Assert.Equal(counts, packs.Select(p => p.Count));
        Assert.Equal([0, 1, 2, 3], packs.SelectMany(p => p));
    }
}
