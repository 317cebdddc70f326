using System.Text;
using System.Text.Json;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Tokenization;

public sealed class TokenizerFilesTests
{
    private const string Model = """ "model": {"type": "BPE", "vocab": {"a": 0, "</s>": 1, "<pad>": 2, "<s>": 3}, "merges": []}""";

    [Fact]
    public void SpecialTokens_ComeFromConfigurationThenMapThenEndIds()
    {
        var tokenizer = TokenizerFolders.LoadFiles(
            ("tokenizer.json", $$"""{{{Model}}, "added_tokens": [{"id": 7, "content": "<|im_end|>", "special": true}]}"""),
            ("tokenizer_config.json", """{"bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "</s>", "pad_token": null, "chat_template": "x"}"""),
            ("special_tokens_map.json", """{"pad_token": "<pad>", "eos_token": "<|im_end|>"}"""),
            ("generation_config.json", """{"eos_token_id": [1, 7]}"""),
            ("config.json", """{"eos_token_id": 2}"""));
        Assert.Equal(("<s>", "</s>", "<pad>", null), (tokenizer.BosToken, tokenizer.EosToken, tokenizer.PadToken, tokenizer.UnknownToken));
        Assert.Equal((3, 1, 2), (tokenizer.BosId, tokenizer.EosId, tokenizer.PadId));
        Assert.Equal([1, 7, 2], tokenizer.StopIds);
        Assert.Equal(8, tokenizer.VocabularySize);
        Assert.Equal("x", tokenizer.Configuration.GetProperty("chat_template").GetString());
        Assert.Equal("<|im_end|>", tokenizer.TokenOf(7));
        Assert.Equal(7, tokenizer.IdOf("<|im_end|>"));
        Assert.Null(tokenizer.TokenOf(5));
        Assert.Null(tokenizer.IdOf("b"));
    }

    [Fact]
    public void TokenizerAlone_TakesItsEndFromTheModelsSettings()
    {
        var tokenizer = TokenizerFolders.LoadFiles(("tokenizer.json", $"{{{Model}}}"), ("config.json", """{"eos_token_id": 1}"""));
        Assert.Equal(("</s>", 1), (tokenizer.EosToken, tokenizer.EosId));
        Assert.Equal([1], tokenizer.StopIds);
        Assert.Null(tokenizer.BosToken);
        Assert.Equal(JsonValueKind.Object, tokenizer.Configuration.ValueKind);
    }

    [Fact]
    public void PostProcessor_PutsItsTokensAroundTheText()
    {
        var tokenizer = TokenizerFolders.LoadFiles(("tokenizer.json", "{" + Model + """
            , "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing",
              "single": [{"SpecialToken": {"id": "B", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "E", "type_id": 0}}],
              "special_tokens": {"B": {"id": "B", "ids": [3]}, "E": {"id": "E", "ids": [1, 2]}}}]}}
            """));
        Assert.Equal([3, 0, 1, 2], tokenizer.Encode("a", addSpecialTokens: true));
        Assert.Equal([0], tokenizer.Encode("a", addSpecialTokens: false));
    }

    [Theory]
    [InlineData("normalizer", """{"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "BertNormalizer"}]}""", "normalizer.normalizers[1]", "BertNormalizer")]
    [InlineData("pre_tokenizer", """{"type": "BertPreTokenizer"}""", "pre_tokenizer", "BertPreTokenizer")]
    [InlineData("pre_tokenizer", """{"type": "Split", "pattern": {"String": "a"}, "behavior": "Sideways"}""", "pre_tokenizer.behavior", "Sideways")]
    [InlineData("pre_tokenizer", """{"type": "Metaspace", "replacement": "_", "prepend_scheme": "twice"}""", "pre_tokenizer.prepend_scheme", "twice")]
    [InlineData("post_processor", """{"type": "BertProcessing"}""", "post_processor", "BertProcessing")]
    [InlineData("decoder", """{"type": "Sequence", "decoders": [{"type": "CTC"}]}""", "decoder.decoders[0]", "CTC")]
    [InlineData("model", """{"type": "WordPiece"}""", "model", "WordPiece")]
    [InlineData("model", """{"vocab": {"a": 0}, "merges": ["a b"]}""", "model.merges", "'b' is not in the vocabulary")]
    [InlineData("model", """{"vocab": {"a": -1}, "merges": []}""", "model.vocab", "-1")]
    [InlineData("model", """{"vocab": {"a": 0}, "merges": [["a"]]}""", "model.merges", "two tokens")]
    [InlineData("model", """{"vocab": {"a": 0}, "merges": [], "dropout": 0.1}""", "model.dropout", "null")]
    [InlineData("model", """{"vocab": {"a": 0}, "merges": [], "unk_token": "<unk>"}""", "model.unk_token", "<unk>")]
    [InlineData("added_tokens", """[{"content": "a"}]""", "added_tokens[0].id", "missing")]
    public void ComponentNotUnderstood_IsNamed(string member, string component, string path, string what)
    {
        var file = JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["model"] = JsonDocument.Parse($"{{{Model}}}").RootElement.GetProperty("model"),
            [member] = JsonDocument.Parse(component).RootElement,
        });
        var exception = Assert.Throws<TokenizerFormatException>(() => TokenizerFolders.LoadFiles(("tokenizer.json", file)));
        Assert.EndsWith("tokenizer.json", exception.File);
        Assert.Equal(path, exception.Component);
        Assert.Contains(what, exception.Message);
    }

    [Fact]
    public void FolderWithoutTokenizer_SaysWhichFileIsMissing()
    {
        var exception = Assert.Throws<TokenizerFormatException>(() => TokenizerFolders.LoadFiles(("tokenizer.model", "")));
        Assert.EndsWith("tokenizer.json", exception.File);
        Assert.Contains("does not exist", exception.Message);
    }

    /// <summary>A file from a stranger is read, or refused with an error that says why; nothing else may come out.</summary>
    [Fact]
    public void DamagedFiles_AreReadOrRefused()
    {
        const string Sound = """
            {"added_tokens": [{"id": 5, "content": "<x>", "special": true, "normalized": false}],
             "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "[\\s]{2,}"}, "content": " "}]},
             "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
               {"type": "Split", "pattern": {"Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}]?\\p{L}+|\\s+(?!\\S)"}, "behavior": "Isolated", "invert": false},
               {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]},
             "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "s"}}, {"Sequence": {"id": "A"}}], "special_tokens": {"s": {"ids": [5]}}},
             "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
             "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"], "unk_token": "a", "fuse_unk": true, "byte_fallback": true}}
            """;
        string[] fragments = [.. "\"\\{}[],:01-e. ()?*+^$|auxs\u00e9\0".Select(character => character.ToString()), "\\ud800", "null", "{}", "[]"];
        var random = new Random(6);
        int read = 0, refused = 0;
        for (var round = 0; round < 4000; round++)
        {
            var text = new StringBuilder(Sound);
            for (var damage = 1 + random.Next(2); damage > 0; damage--)
            {
                var position = random.Next(text.Length - 3);
                text.Remove(position, random.Next(4)).Insert(position, fragments[random.Next(fragments.Length)]);
            }
            try
            {
                var tokenizer = TokenizerFolders.LoadFiles(("tokenizer.json", text.ToString()));
                tokenizer.Decode(tokenizer.Encode("ab  's<x> \u00e9\n", addSpecialTokens: true), skipSpecialTokens: false);
                read++;
            }
            catch (TokenizerFormatException)
            {
                refused++;
            }
        }
        Assert.True(read > 100 && refused > 100, $"{read} read, {refused} refused");
    }
}
