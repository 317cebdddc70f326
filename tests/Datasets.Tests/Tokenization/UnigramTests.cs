using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Datasets.Tests.Formats;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Tokenization;

public sealed class UnigramTests
{
    [Theory]
    [InlineData("precompiled")]
    [InlineData("bytes")]
    [InlineData("accents")]
    [InlineData("bare")]
    public void HardStrings_GiveTheIdsOfHuggingFacesLibrary(string name)
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("unigram.json")));
        var recorded = golden.RootElement.GetProperty("tokenizers").GetProperty(name);
        var tokenizer = TokenizerFolders.LoadFiles(("tokenizer.json", recorded.GetProperty("tokenizer").GetRawText()));
        var texts = golden.RootElement.GetProperty("texts");
        Assert.True(texts.GetArrayLength() > 150);
        foreach (var (text, ids) in texts.EnumerateArray().Zip(recorded.GetProperty("ids").EnumerateArray()))
        {
            Assert.Equal(ids.EnumerateArray().Select(id => id.GetInt32()), tokenizer.Encode(text.GetString()!, addSpecialTokens: true));
        }
    }

    // The cases of the tokenizers library's own documentation: scores are sums, and an unknown character costs the least score less 10.
    [Theory]
    [InlineData("abcd", "abcd")]
    [InlineData("abcdacdxx", "abcd a cd <unk>")]
    [InlineData("xaxx", "<unk> a <unk>")]
    [InlineData("dcba", "d c b a")]
    [InlineData("", "")]
    public void BestSplit_HasTheLargestSum(string text, string tokens) => Assert.Equal(tokens, string.Join(' ',
        Load(false, ("<unk>", 0), ("a", 0), ("b", 0), ("c", 0), ("d", 0), ("cd", 1), ("ab", 2), ("abc", 5), ("abcd", 10)).Tokens(text)));

    // a + bc = −3 is found first, from the place after a; ab + c = −3 is no better.
    [Fact]
    public void EqualSums_KeepTheEarlierPath() =>
        Assert.Equal(["a", "bc"], Load(false, ("<unk>", 0), ("a", -1), ("b", -9), ("c", -1), ("ab", -2), ("bc", -2)).Tokens("abc"));

    [Fact]
    public void UnknownCharacters_BecomeBytesWhereTheVocabularyHasThem()
    {
        var tokenizer = Load(true, ("<unk>", 0), ("<0xC3>", -0.01), ("<0xA9>", -0.03), ("a", -1));
        Assert.Equal(["a", "<0xC3>", "<0xA9>", "<0xC3>", "<0xA9>", "a"], tokenizer.Tokens("aééa"));
        // One byte without a token, and the run of unknown characters is one unknown token.
        Assert.Equal(["a", "<unk>", "a"], tokenizer.Tokens("aéèa"));
    }

    [Fact]
    public void TextOfAMillionCharacters_TakesLinearTime()
    {
        var tokenizer = Load(false, [("<unk>", 0), .. Enumerable.Range(1, 16).Select(n => (new string('a', n), -1.0 - n * 0.01))]);
        tokenizer.Encode("aaaa", false);
        var clock = Stopwatch.StartNew();
        Assert.Equal(62_500, tokenizer.Encode(new string('a', 1_000_000), false).Length);
        // About 0.3 s; were it quadratic, hours.
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 30);
    }

    [Theory]
    [InlineData("""{"type": "Unigram", "unk_id": 5, "vocab": [["a", 0]]}""", "model.unk_id")]
    [InlineData("""{"type": "Unigram", "unk_id": null, "vocab": [["a", 0]]}""", "model.unk_id")]
    [InlineData("""{"type": "Unigram", "unk_id": 0, "vocab": [["a", "b"]]}""", "model.vocab")]
    [InlineData("""{"type": "Unigram", "unk_id": 0, "vocab": [["a"]]}""", "model.vocab")]
    [InlineData("""{"type": "Unigram", "unk_id": 0, "vocab": {"a": 0}}""", "model.vocab")]
    [InlineData("""{"type": "Unigram", "unk_id": 0, "vocab": []}""", "model.unk_id")]
    public void BrokenModel_IsRefusedByName(string model, string component)
    {
        var refused = Assert.Throws<TokenizerFormatException>(() => TokenizerFolders.LoadFiles(("tokenizer.json", $$"""{"model": {{model}} }""")));
        Assert.Equal(component, refused.Component);
    }

    [Theory]
    [InlineData("not base64!")]
    [InlineData("AAAA")]
    [InlineData("/////w==")]
    [InlineData("BAAAAA==")]
    public void BrokenCharacterMap_IsRefusedByName(string map)
    {
        var refused = Assert.Throws<TokenizerFormatException>(() => TokenizerFolders.LoadFiles(("tokenizer.json",
            $$"""{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", 0]]}, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "{{map}}"} }""")));
        Assert.Equal("normalizer.precompiled_charsmap", refused.Component);
    }

    private static ModelTokenizer Load(bool byteFallback, params (string Token, double Score)[] vocabulary) => TokenizerFolders.LoadFiles(("tokenizer.json", new JsonObject
    {
        ["model"] = new JsonObject
        {
            ["type"] = "Unigram",
            ["unk_id"] = 0,
            ["byte_fallback"] = byteFallback,
            ["vocab"] = new JsonArray([.. vocabulary.Select(v => (JsonNode)new JsonArray(v.Token, v.Score))]),
        },
    }.ToJsonString()));
}
