using System.Text.Json;
using TrainingService.Datasets.Tests.Formats;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Tokenization;

/// <summary>Ids that Hugging Face's own library gave.</summary>
public sealed class RecordedIdsTests
{
    [Theory]
    [InlineData("demo")]
    [InlineData("gpt2")]
    [InlineData("smollm2")]
    [InlineData("llama3_1")]
    [InlineData("qwen2_5")]
    [InlineData("qwen3")]
    [InlineData("llama2")]
    [InlineData("mistral03")]
    [InlineData("phi3_mini")]
    [InlineData("gemma3")]
    public void HardStrings_GiveTheRecordedIdsAndTexts(string name)
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("tokenizer-ids.json")));
        // The ids were recorded by the tokenizers library, which knows nothing of transformers' tokenizer classes.
        var tokenizer = TokenizerFolders.LoadFiles(("tokenizer.json", File.ReadAllText(Path.Combine(TokenizerFolders.Of(name), "tokenizer.json"))));
        var texts = golden.RootElement.GetProperty("texts");
        var records = golden.RootElement.GetProperty("tokenizers").GetProperty(name);
        Assert.True(texts.GetArrayLength() >= 60);
        Assert.Equal(texts.GetArrayLength(), records.GetArrayLength());
        foreach (var (textElement, record) in texts.EnumerateArray().Zip(records.EnumerateArray()))
        {
            var text = textElement.GetString()!;
            var plain = Ids(record.GetProperty("plain"));
            AssertIds(text, Ids(record.GetProperty("with_special")), tokenizer.Encode(text, addSpecialTokens: true));
            AssertIds(text, plain, tokenizer.Encode(text, addSpecialTokens: false));
            Assert.Equal(record.GetProperty("decoded").GetString(), tokenizer.Decode(plain, skipSpecialTokens: false));
            Assert.Equal(record.GetProperty("decoded_skipping_special").GetString(), tokenizer.Decode(plain, skipSpecialTokens: true));
        }
    }

    /// <summary>Recorded by the kitoken project.</summary>
    [Theory]
    [InlineData("gpt2", "gpt2")]
    [InlineData("llama3_1", "llama32")]
    [InlineData("llama3_1", "llama33")]
    [InlineData("llama2", "llama2")]
    [InlineData("mistral03", "mistral03")]
    [InlineData("gemma3", "gemma3")]
    public void RecordedFiles_GiveTheRecordedIdsAndTexts(string name, string record)
    {
        var tokenizer = ModelTokenizer.Load(TokenizerFolders.Of(name));
        var folder = TestFiles.Shared("data", "tokenizers", "expected");
        foreach (var kind in new[] { "small", "mixed", "utf8" })
        {
            var input = File.ReadAllText(Path.Combine(folder, $"{kind}_input.txt"));
            // Two of the files have a text a line, the third is one text.
            string[] texts = kind == "utf8" ? [input] : [.. Lines(input).Select(line => line.Replace("\\n", "\n").Replace("\\s", " "))];
            var recorded = Lines(File.ReadAllText(Path.Combine(folder, "tokenizers", $"{kind}_tokens_{record}.txt")));
            Assert.Equal(texts.Length, recorded.Length);
            foreach (var (text, line) in texts.Zip(recorded))
            {
                AssertIds(text, [.. line.Split(", ").Select(int.Parse)], tokenizer.Encode(text, addSpecialTokens: false));
            }
        }
    }

    private static void AssertIds(string text, int[] expected, int[] actual) =>
        Assert.True(expected.SequenceEqual(actual), $"'{text}' is [{string.Join(", ", actual)}], expected [{string.Join(", ", expected)}]");

    private static string[] Lines(string text) => text.TrimEnd('\n').Split('\n');

    private static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];
}
