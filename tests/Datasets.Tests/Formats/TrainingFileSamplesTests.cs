using System.IO.Compression;
using System.Text;
using System.Text.Json;
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
        Assert.Equal(("openai_preference", 0), (check.Format, check.ProblemCount));
        Assert.Empty(check.Warnings);
    }

    /// <summary>What is known of every file of real data; files in other containers than JSON Lines are not read here.</summary>
    public static TheoryData<string, string?, string> RealFiles => new()
    {
        { "orca/orca_dpo_pairs.validation.jsonl", "openai_preference", "" },
        { "trl-zen/toolcall.preference.jsonl", "trl_messages", "" },
        { "trl-zen/zen.conversational_preference.jsonl", "trl_messages", "" },
        { "trl-zen/zen.conversational_implicit_prompt_preference.jsonl", "trl_implicit_messages", "" },
        { "trl-zen/zen.conversational_language_modeling.jsonl", "openai_chat", "" },
        { "trl-zen/zen.conversational_prompt_completion.jsonl", "trl_prompt_completion_messages", "" },
        { "trl-zen/zen.conversational_prompt_only.jsonl", null, "a prompt alone" },
        { "trl-zen/zen.conversational_unpaired_preference.jsonl", "trl_unpaired_messages", "" },
        { "trl-zen/zen.standard_preference.jsonl", "trl_text", "" },
        { "trl-zen/zen.standard_implicit_prompt_preference.jsonl", "trl_implicit_text", "" },
        { "trl-zen/zen.standard_language_modeling.jsonl", "trl_language_modeling", "" },
        { "trl-zen/zen.standard_prompt_completion.jsonl", "trl_prompt_completion_text", "" },
        { "trl-zen/zen.standard_prompt_only.jsonl", null, "a prompt alone" },
        { "trl-zen/zen.standard_stepwise_supervision.jsonl", null, "judges single steps" },
        { "trl-zen/zen.standard_unpaired_preference.jsonl", "trl_unpaired_text", "" },
        { "formats/dpo_en_demo.single-turn.prompt-chosen-rejected.jsonl", "trl_text", "" },
        { "llama-factory/dpo_en_demo.json", "sharegpt_ranking", "" },
        { "llama-factory/kto_en_demo.json", "sharegpt_kto", "" },
        { "hh-rlhf/harmless-base.test.jsonl.gz", "hh_rlhf", "" },
    };

    [Theory]
    [MemberData(nameof(RealFiles))]
    public async Task RealFiles_AreRecognisedOrRefusedWithAReason(string path, string? format, string reason)
    {
        string file = TestFiles.Shared("data", "preference", path);
        TrainingFileCheck check = await CheckAsync(file);
        Assert.Equal(format, check.Shape?.Name);
        if (format is null)
        {
            Assert.Equal(check.Rows, check.ProblemCount);
            Assert.Contains(reason, check.FirstProblems[0].Reason);
            return;
        }
        Assert.Empty(check.FirstProblems);
        using Stream stream = Lines(file);
        List<TrainingRow> rows = [.. TrainingFile.Read(stream)];
        Assert.Equal(check.Rows, rows.Count);
        Assert.All(rows, row => Assert.Equal(check.Shape!.Kind, row.Kind));
    }

    [Fact]
    public void TranscriptsWithAnEmptyAnswer_AreLeftOut()
    {
        using Stream stream = Lines(TestFiles.Shared("data", "preference", "hh-rlhf", "harmless-base.test.jsonl.gz"));
        List<TrainingRow> rows = [.. TrainingFile.Read(stream)];
        Assert.Equal(2312, rows.Count);
        Assert.Equal([87, 517, 926, 1104], rows.OfType<LeftOutRow>().Select(row => row.Row));
        Assert.All(rows.OfType<ConversationRow>(), row => Assert.All(row.Completions, turns => Assert.Equal("assistant", turns[^1].Role)));
    }

    // Until the service reads these containers itself.
    private static Stream Lines(string file)
    {
        if (file.EndsWith(".gz", StringComparison.Ordinal)) return new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
        if (!file.EndsWith(".json", StringComparison.Ordinal)) return File.OpenRead(file);
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
        return new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', document.RootElement.EnumerateArray().Select(row => JsonSerializer.Serialize(row)))));
    }

    private static async Task<TrainingFileCheck> CheckAsync(string path)
    {
        await using Stream stream = Lines(path);
        return await TrainingFile.CheckAsync(stream, TestContext.Current.CancellationToken);
    }
}
