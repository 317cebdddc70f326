using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;

namespace TrainingService.Datasets.Tests.Preparation;

public sealed class ValidationSplitTests
{
    // 100 rows of 40 prompts: prompt n is asked by every row whose number leaves n.
    private static readonly TextRow[] s_rows = [.. Enumerable.Range(1, 100).Select(i => new TextRow(i, RowKind.Preference, $"Prompt {i % 40}:", [$" {i}.", " No."]))];

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.25)]
    [InlineData(0.9)]
    public void Share_IsSetAsideWithoutAPromptOnBothSides(double share)
    {
        ValidationSplit split = ValidationSplit.Of(s_rows, share, seed: 1)!;
        TextRow[] validation = [.. s_rows.Where(split.IsValidation)], training = [.. s_rows.Where(r => !split.IsValidation(r))];
        Assert.Equal((training.Length, validation.Length), (split.TrainingRows, split.ValidationRows));
        Assert.Empty(validation.Select(r => r.Prompt).Intersect(training.Select(r => r.Prompt)));
        // A prompt has at most three rows, so that the share is missed by fewer.
        Assert.InRange(validation.Length, (100 * share) - 2, 100 * share);
    }

    [Fact]
    public void Sides_AreAMatterOfSeedAndPromptAlone()
    {
        long[] Of(IEnumerable<TextRow> rows, int seed) => [.. rows.Where(ValidationSplit.Of(rows, 0.2, seed)!.IsValidation).Select(r => r.Row).Order()];
        Assert.Equal(Of(s_rows, 1), Of(s_rows.Reverse(), 1));
        Assert.NotEqual(Of(s_rows, 1), Of(s_rows, 2));
    }

    [Fact]
    public void RowsThatAreLeftOut_AreNoneOfTheShare()
    {
        TrainingRow[] rows = [.. s_rows, .. Enumerable.Range(101, 100).Select(i => new LeftOutRow(i, RowKind.Preference, "A tie."))];
        ValidationSplit alone = ValidationSplit.Of(s_rows, 0.5, 1)!, among = ValidationSplit.Of(rows, 0.5, 1)!;
        Assert.Equal((alone.TrainingRows, alone.ValidationRows), (among.TrainingRows, among.ValidationRows));
    }

    [Fact]
    public void EachSide_HasAtLeastOnePrompt()
    {
        foreach (double share in new[] { 0.001, 0.999 })
        {
            ValidationSplit split = ValidationSplit.Of(s_rows.AsSpan(..2).ToArray(), share, 1)!;
            Assert.Equal((1, 1), (split.TrainingRows, split.ValidationRows));
        }
        Assert.Null(ValidationSplit.Of([s_rows[0], s_rows[40]], 0.5, 1));
    }

    [Fact]
    public void RowsOfMessagesAndIds_StayWithTheirPrompt()
    {
        ConversationRow Chat(long row, string asked, string answer) => new(row, RowKind.Supervised, [], [[new("user", asked), new("assistant", answer)]]);
        TokenRow Ids(long row, int prompt, int answer) => new(row, RowKind.Supervised, [prompt], [[answer]]);
        TrainingRow[] rows = [Chat(1, "a", "x"), Chat(2, "b", "x"), Chat(3, "a", "y"), Ids(4, 1, 5), Ids(5, 1, 6), Ids(6, 2, 5)];
        foreach (int seed in Enumerable.Range(0, 20))
        {
            ValidationSplit split = ValidationSplit.Of(rows, 0.5, seed)!;
            Assert.Equal(split.IsValidation(rows[0]), split.IsValidation(rows[2]));
            Assert.Equal(split.IsValidation(rows[3]), split.IsValidation(rows[4]));
        }
    }
}
