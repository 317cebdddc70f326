using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tests.Formats;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Preparation;

public sealed class RealFilesTests
{
    [Theory]
    [InlineData("toolcall.preference.jsonl")]
    [InlineData("zen.conversational_preference.jsonl")]
    [InlineData("zen.conversational_implicit_prompt_preference.jsonl")]
    [InlineData("zen.standard_preference.jsonl")]
    [InlineData("zen.standard_implicit_prompt_preference.jsonl")]
    public void PairsOfTrlsOwnTestFiles_ArePrepared(string name)
    {
        string folder = TestFiles.Shared("data", "tokenizers", "qwen2_5");
        ModelTokenizer tokenizer = ModelTokenizer.Load(folder);
        var preparer = new RowPreparer(tokenizer, ChatTemplate.Load(folder, tokenizer), new PreparationOptions(1024, 512));
        using FileStream stream = File.OpenRead(TestFiles.Shared("data", "preference", "trl-zen", name));

        PreparedDataset prepared = preparer.Prepare(TrainingFile.Read(stream), TestContext.Current.CancellationToken);

        Assert.Empty(prepared.Report.Errors);
        Assert.NotEmpty(prepared.Pairs());
        Assert.Equal(prepared.Report.Rows, prepared.Pairs().Count);
        if (name.StartsWith("toolcall", StringComparison.Ordinal))
        {
            string first = tokenizer.Decode([.. prepared.Pairs()[0].PromptIds, .. prepared.Pairs()[0].ChosenIds], skipSpecialTokens: false);
            Assert.Contains("\"name\": \"start_timer\", \"description\": \"Starts a timer", first);
            Assert.Contains("<tool_call>\n{\"name\": \"start_timer\", \"arguments\": {\"duration\": 600}}\n</tool_call>", first);
        }
    }
}
