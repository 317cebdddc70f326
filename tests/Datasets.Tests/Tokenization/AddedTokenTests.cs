using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Tokenization;

public sealed class AddedTokenTests
{
    [Theory]
    [InlineData("{}", "a <m> b", "a| |<m>| |b")]
    [InlineData("""{"lstrip": true}""", "a \n<m> b", "a|<m>| |b")]
    [InlineData("""{"rstrip": true}""", "a <m> \n b", "a| |<m>|b")]
    [InlineData("""{"lstrip": true, "rstrip": true}""", "a <m> <m> b", "a|<m>|<m>|b")]
    public void StripFlags_TakeTheSpaceBeside(string flags, string text, string expected) =>
        Assert.Equal(expected.Split('|'), Load("<m>", flags).Tokens(text));

    [Theory]
    [InlineData("a", "a")]
    [InlineData("a a", "a| |a")]
    [InlineData("ab a", "x|b| |a")]
    [InlineData("\ud835\udcb3a", "x|x")]
    [InlineData("a!", "a|x")]
    public void SingleWord_MatchesOnlyBesideNoWord(string text, string expected)
    {
        // As a word's letter an a is unknown; as an added token it is itself.
        var tokenizer = TokenizerFolders.Load(["x", " ", "b"], [], """
            {"added_tokens": [{"id": 9, "content": "a", "single_word": true, "normalized": false}]}
            """, """{"unk_token": "x"}""");
        Assert.Equal(expected.Split('|'), tokenizer.Tokens(text));
    }

    [Fact]
    public void OverlappingTokens_TheLeftmostThenTheLongestWins()
    {
        var tokenizer = TokenizerFolders.Load(["a", "b", "c", "d"], [], """
            {"added_tokens": [
              {"id": 4, "content": "ab", "normalized": false}, {"id": 5, "content": "abc", "normalized": false}, {"id": 6, "content": "bcd", "normalized": false}]}
            """);
        Assert.Equal([5, 3, 4, 3, 6], tokenizer.Encode("abcdabdbcd", addSpecialTokens: false));
    }

    [Fact]
    public void NormalizedToken_IsFoundInTheNormalizedText()
    {
        var parts = """
            {"normalizer": {"type": "NFC"}, "added_tokens": [{"id": 2, "content": "e\u0301!", "normalized": NORMALIZED}]}
            """;
        string[] tokens = ["\u00e9", "!"];
        Assert.Equal([2], TokenizerFolders.Load(tokens, [], parts.Replace("NORMALIZED", "true")).Encode("\u00e9!", addSpecialTokens: false));
        Assert.Equal([0, 1], TokenizerFolders.Load(tokens, [], parts.Replace("NORMALIZED", "false")).Encode("\u00e9!", addSpecialTokens: false));
    }

    [Fact]
    public void SpecialToken_IsLeftOutOfTheTextOnRequest()
    {
        var tokenizer = ModelTokenizer.Load(TokenizerFolders.Own);
        var ids = tokenizer.Encode("<|im_start|>hello<|im_end|>", addSpecialTokens: false);
        Assert.Equal("<|im_start|>hello<|im_end|>", tokenizer.Decode(ids, skipSpecialTokens: false));
        Assert.Equal("hello", tokenizer.Decode(ids, skipSpecialTokens: true));
        Assert.True(tokenizer.IsSpecial(ids[0]));
        Assert.False(tokenizer.IsSpecial(ids[1]));
    }

    private static ModelTokenizer Load(string token, string flags)
    {
        var json = flags.TrimStart('{').TrimEnd('}');
        return TokenizerFolders.Load(["a", "b", " ", "\n"], [], $$"""
            {"added_tokens": [{"id": 4, "content": "{{token}}", "normalized": false{{(json.Length > 0 ? "," : "")}} {{json}}}]}
            """);
    }
}
