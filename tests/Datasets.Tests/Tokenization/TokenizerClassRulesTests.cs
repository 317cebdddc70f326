using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Tokenization;

public sealed class TokenizerClassRulesTests
{
    private const string DigitsFirst = """{"model":{"type":"BPE","vocab":{"Ċ":0,"ĊĊ":1,"1":2,"2":3},"merges":["Ċ Ċ"]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false}]}}""";
    private const string Llama = """{"model":{"type":"BPE","vocab":{"▁":0,"a":1,"▁a":2},"merges":["▁ a"]},"added_tokens":[{"id":3,"content":"<s>","special":true,"normalized":false}],"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}}""";

    private const string Template = """ "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"<s>":{"id":"<s>","ids":[3],"tokens":["<s>"]}}}""";

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

    // DeepSeek's distilled Qwens: a file that puts nothing around a text, beside flags that do.
    [Theory]
    [InlineData("{}", new[] { "a" })]
    [InlineData("""{"bos_token":"<s>","add_bos_token":true,"add_eos_token":false}""", new[] { "<s>", "a" })]
    [InlineData("""{"bos_token":"<s>","eos_token":"▁","add_eos_token":true}""", new[] { "a", "▁" })]
    [InlineData("""{"bos_token":null,"add_bos_token":true}""", new[] { "a" })]
    public void FlagsOfTheConfiguration_SayWhatStandsAroundAText(string configuration, string[] tokens)
    {
        string plain = Llama.Replace("\"normalizer\"", "\"none\"", StringComparison.Ordinal);
        ModelTokenizer tokenizer = TokenizerFolders.LoadFiles(("tokenizer.json", plain), ("tokenizer_config.json", configuration));
        Assert.Equal(tokens, tokenizer.Encode("a", addSpecialTokens: true).Select(id => tokenizer.TokenOf(id)!));
    }

    [Fact]
    public void FlagsOfTheConfiguration_WinOverTheFilesTemplate()
    {
        string baked = Llama.Replace("\"normalizer\"", Template + ", \"none\"", StringComparison.Ordinal);
        Assert.Equal([3, 1], TokenizerFolders.LoadFiles(("tokenizer.json", baked), ("tokenizer_config.json", "{}")).Encode("a", addSpecialTokens: true));
        Assert.Equal([1], TokenizerFolders.LoadFiles(("tokenizer.json", baked), ("tokenizer_config.json", """{"add_bos_token":false}""")).Encode("a", addSpecialTokens: true));
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
