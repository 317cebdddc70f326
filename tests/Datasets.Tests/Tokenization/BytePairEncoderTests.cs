using Microsoft.ML.Tokenizers;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Tokenization;

public sealed class BytePairEncoderTests
{
    /// <summary>The vocabulary of the original's own test: "unrelated" takes seven merges.</summary>
    private static readonly string[] Letters = ["u", "n", "r", "e", "l", "a", "t", "d", "re", "at", "ed", "un", "ated", "rel", "related", "unrelated"];
    private static readonly string[] Merges = ["r e", "a t", "e d", "u n", "at ed", "re l", "rel ated", "un related"];

    [Fact]
    public void Merges_GoByRankThenFromTheLeft()
    {
        var tokenizer = TokenizerFolders.Load(Letters, Merges);
        Assert.Equal(["unrelated"], tokenizer.Tokens("unrelated"));
        // "r e" ranks before "e d", so the d is left over.
        Assert.Equal(["re", "d"], tokenizer.Tokens("red"));
        var doubled = TokenizerFolders.Load(["a", "aa"], ["a a"]);
        Assert.Equal(["aa", "aa", "a"], doubled.Tokens("aaaaa"));
    }

    [Fact]
    public void IgnoreMerges_TakesAWholeWordOfTheVocabulary()
    {
        string[] tokens = ["a", "b", "c", "bc", "abc"];
        Assert.Equal(["a", "bc"], TokenizerFolders.Load(tokens, ["b c"]).Tokens("abc"));
        Assert.Equal(["abc"], TokenizerFolders.Load(tokens, ["b c"], model: """{"ignore_merges": true}""").Tokens("abc"));
    }

    [Theory]
    [InlineData("""{"unk_token": "<unk>", "fuse_unk": false}""", "a|<unk>|<unk>|b")]
    [InlineData("""{"unk_token": "<unk>", "fuse_unk": true}""", "a|<unk>|b")]
    [InlineData("{}", "a|b")]
    public void UnknownCharacters_BecomeTheUnknownToken(string model, string expected) =>
        Assert.Equal(expected.Split('|'), TokenizerFolders.Load(["<unk>", "a", "b"], [], model: model).Tokens("a\u4f60\ud83d\ude00b"));

    [Fact]
    public void ByteFallback_WritesAnUnknownCharacterInBytesWhereAllAreThere()
    {
        const string Model = """{"unk_token": "<unk>", "byte_fallback": true, "fuse_unk": true}""";
        string[] some = ["<unk>", "<0xC3>", "<0xA9>"];
        // U+00E9 is C3 A9; of U+00E8, C3 A8, one byte is missing.
        Assert.Equal(["<0xC3>", "<0xA9>", "<unk>"], TokenizerFolders.Load(some, [], model: Model).Tokens("\u00e9\u00e8"));
    }

    [Fact]
    public void PrefixAndSuffix_MarkTheInsideAndTheEndOfWords()
    {
        var prefixed = TokenizerFolders.Load(["a", "##b", "##c", "ab", "abc"], ["a ##b", "ab ##c"], model: """{"continuing_subword_prefix": "##"}""");
        Assert.Equal(["abc"], prefixed.Tokens("abc"));
        Assert.Equal(["a", "##c", "##b"], prefixed.Tokens("acb"));
        var suffixed = TokenizerFolders.Load(["a", "b", "b</w>", "ab</w>"], ["a b</w>"], model: """{"end_of_word_suffix": "</w>"}""");
        Assert.Equal(["a", "b", "ab</w>"], suffixed.Tokens("abab"));
    }

    /// <summary>Words with and without places that no merge crosses, longer and shorter than what is cached.</summary>
    [Fact]
    public void Words_GiveTheSameIdsAsMicrosoftsTokenizer()
    {
        string[] tokens = ["\u2581", "a", "b", "c", "ab", "\u2581a", "abc", "bb", "\u2581ab", "ca", "aa", "aaaa"];
        string[] merges = ["a b", "\u2581 a", "ab c", "b b", "\u2581 ab", "c a", "a a", "aa aa"];
        var ours = TokenizerFolders.Load(tokens, merges);
        var theirs = BpeTokenizer.Create(new BpeOptions(tokens.Select((token, id) => KeyValuePair.Create(token, id)))
        {
            Merges = merges,
            PreTokenizer = new OneWord(),
        });
        var random = new Random(5);
        for (var round = 0; round < 2000; round++)
        {
            var word = string.Concat(Enumerable.Range(0, 1 + random.Next(80)).Select(_ => "\u2581abc"[random.Next(4)]));
            Assert.Equal(theirs.EncodeToIds(word), ours.Encode(word, addSpecialTokens: false));
        }
    }

    [Fact]
    public void LongWord_TakesNoQuadraticTime()
    {
        // 400,000 characters without a place to cut; comparing all pairs at every merge would take 10^11 steps.
        var tokenizer = TokenizerFolders.Load(["a", "aa", "aaaa"], ["a a", "aa aa"]);
        Assert.Equal(100_000, tokenizer.Encode(new string('a', 400_000), addSpecialTokens: false).Length);
    }

    private sealed class OneWord : Microsoft.ML.Tokenizers.PreTokenizer
    {
        public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => [(0, text.Length)];

        public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text) => [(0, text.Length)];
    }
}
