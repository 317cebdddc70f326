using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tests.Formats;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Preparation;

public sealed class OrcaTokensTests
{
    [Theory]
    [InlineData("smollm2")]
    [InlineData("demo")]
    [InlineData("llama3_1")]
    [InlineData("qwen2_5")]
    [InlineData("qwen3")]
    [InlineData("phi3_mini")]
    [InlineData("gemma3")]
    public void EveryRow_HasTheTokensOfTrl(string model)
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllText(TestFiles.Shared("data", "preference", "orca", "expected-tokens.json")));
        string folder = model switch
        {
            "smollm2" => TestFiles.Shared("models", "SmolLM2-135M-Instruct"),
            "demo" => TestFiles.Sample("demo-model"),
            _ => TestFiles.Shared("data", "tokenizers", model),
        };
        ModelTokenizer tokenizer = ModelTokenizer.Load(folder);
        var preparer = new RowPreparer(tokenizer, ChatTemplate.Load(folder, tokenizer), new PreparationOptions(null, null));
        using FileStream stream = File.OpenRead(TestFiles.Shared("data", "preference", "orca", "orca_dpo_pairs.validation.jsonl"));

        PreparedDataset prepared = preparer.Prepare(TrainingFile.Read(stream), TestContext.Current.CancellationToken);

        Assert.Empty(prepared.Report.Errors);
        JsonElement of = expected.RootElement.GetProperty("tokenizers").GetProperty(model);
        Assert.Equal(of.GetProperty("rows").EnumerateArray().Select(row => row.GetRawText().Replace(" ", "")), prepared.Pairs().Select(Line));
        Assert.Equal(of.GetProperty("prompts_cut_short").GetInt32(), prepared.Report.PromptNotPrefix?.Rows ?? 0);
    }

    private static string Line(TokenizedPair pair) =>
        JsonSerializer.Serialize(new object[] { pair.PromptIds.Length, pair.ChosenIds.Length, pair.RejectedIds.Length, Hash(pair.PromptIds), Hash(pair.ChosenIds), Hash(pair.RejectedIds) });

    private static string Hash(int[] ids) => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<int>(ids)))[..16];
}
