using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Tokenization;

public sealed class TokenizerClassRulesTests
{
    private const string DigitsFirst = """{"model":{"type":"BPE","vocab":{"Ċ":0,"ĊĊ":1,"1":2,"2":3},"merges":["Ċ Ċ"]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false}]}}""";
    private const string Llama = """{"model":{"type":"BPE","vocab":{"▁":0,"a":1,"▁a":2},"merges":["▁ a"]},"added_tokens":[{"id":3,"content":"<s>","special":true,"normalized":false}],"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}}""";

    [Theory]
    [InlineData("""{"tokenizer_class":"PreTrainedTokenizerFast"}""", new[] { "ĊĊ", "1" })]
    [InlineData("""{"tokenizer_class":"GPT2Tokenizer"}""", new[] { "Ċ", "Ċ", "1" })]
    [InlineData("""{"tokenizer_class":"GPT2TokenizerFast"}""", new[] { "Ċ", "Ċ", "1" })]
    [InlineData("{}", new[] { "ĊĊ", "1" })]
    public void Gpt2Class_DoesNotSplitDigitsFirst(string configuration, string[] tokens) =>
        Assert.Equal(tokens, TokenizerFolders.LoadFiles(("tokenizer.json", DigitsFirst), ("tokenizer_config.json", configuration)).Tokens("\n\n1"));

    [Fact]
    public void Gpt2Class_LeavesAPatternOfTheFilesOwn()
    {
        string own = DigitsFirst.Replace("""{"type":"Digits","individual_digits":true}""", """{"type":"Split","pattern":{"Regex":"\\s+"},"behavior":"Isolated"}""");
        Assert.Equal(["ĊĊ", "1"], TokenizerFolders.LoadFiles(("tokenizer.json", own), ("tokenizer_config.json", """{"tokenizer_class":"GPT2Tokenizer"}""")).Tokens("\n\n1"));
    }

    [Theory]
    [InlineData("{}", "{}", new[] { "▁a", "<s>", "▁a" })]
    [InlineData("""{"tokenizer_class":"LlamaTokenizer"}""", """{"model_type":"llama"}""", new[] { "▁a", "<s>", "a" })]
    [InlineData("""{"tokenizer_class":"LlamaTokenizer","legacy":true}""", "{}", new[] { "▁a", "<s>", "▁a" })]
    [InlineData("""{"tokenizer_class":"LlamaTokenizer","add_prefix_space":false}""", "{}", new[] { "a", "<s>", "a" })]
    [InlineData("""{"tokenizer_class":"LlamaTokenizer"}""", """{"model_type":"phi3"}""", new[] { "▁a", "<s>", "▁a" })]
    public void LlamaClass_PutsASpaceInFrontOfTheTextOnly(string tokenizerConfiguration, string modelConfiguration, string[] tokens) =>
        Assert.Equal(tokens, TokenizerFolders.LoadFiles(("tokenizer.json", Llama), ("tokenizer_config.json", tokenizerConfiguration), ("config.json", modelConfiguration)).Tokens("a<s>a"));
}
