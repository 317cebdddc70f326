using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Tests.Formats;

public sealed class TrainingFileSamplesTests
{
    [Theory]
    [InlineData("concise-train.jsonl")]
    [InlineData("concise-validation.jsonl")]
    public async Task Samples_CheckClean(string name)
    {
        TrainingFileCheck check = await CheckAsync(TestFiles.Sample(name));
        Assert.Equal((PreferenceFormat.OpenAI, 0), (check.Format, check.ProblemCount));
        Assert.Empty(check.Warnings);
    }

    [Theory]
    [InlineData("orca/orca_dpo_pairs.validation.jsonl", PreferenceFormat.OpenAI)]
    [InlineData("trl-zen/toolcall.preference.jsonl", PreferenceFormat.TrlMessages)]
    [InlineData("trl-zen/zen.conversational_preference.jsonl", PreferenceFormat.TrlMessages)]
    [InlineData("trl-zen/zen.conversational_implicit_prompt_preference.jsonl", PreferenceFormat.TrlImplicitMessages)]
    [InlineData("trl-zen/zen.standard_preference.jsonl", PreferenceFormat.TrlText)]
    [InlineData("trl-zen/zen.standard_implicit_prompt_preference.jsonl", PreferenceFormat.TrlImplicitText)]
    [InlineData("formats/dpo_en_demo.single-turn.prompt-chosen-rejected.jsonl", PreferenceFormat.TrlText)]
    public async Task RealFilesOfPairs_GoThrough(string path, PreferenceFormat format)
    {
        string file = TestFiles.Shared("data", "preference", path);
        TrainingFileCheck check = await CheckAsync(file);
        Assert.Empty(check.FirstProblems);
        Assert.Equal(format, check.Format);
        using FileStream stream = File.OpenRead(file);
        Assert.Equal(check.Rows, TrainingFile.Read(stream).LongCount());
    }

    [Theory]
    [InlineData("zen.conversational_unpaired_preference.jsonl", "one completion")]
    [InlineData("zen.standard_unpaired_preference.jsonl", "one completion")]
    [InlineData("zen.conversational_language_modeling.jsonl", "supervised")]
    public async Task RealFilesOfOtherKinds_AreRefusedWithTheirKind(string name, string reason)
    {
        TrainingFileCheck check = await CheckAsync(TestFiles.Shared("data", "preference", "trl-zen", name));
        Assert.Equal(check.Rows, check.ProblemCount);
        Assert.Contains(reason, check.FirstProblems[0].Reason);
    }

    private static async Task<TrainingFileCheck> CheckAsync(string path)
    {
        await using FileStream stream = File.OpenRead(path);
        return await TrainingFile.CheckAsync(stream, TestContext.Current.CancellationToken);
    }
}
