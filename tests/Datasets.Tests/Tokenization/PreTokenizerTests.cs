using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Tokenization;

/// <summary>Words are made visible by a vocabulary that ignores merges and holds the words themselves.</summary>
public sealed class PreTokenizerTests
{
    [Theory]
    [InlineData("Removed", "The|final|countdown")]
    [InlineData("Isolated", "The|-|final|-|-|countdown")]
    [InlineData("MergedWithPrevious", "The-|final-|-|countdown")]
    [InlineData("MergedWithNext", "The|-final|-|-countdown")]
    [InlineData("Contiguous", "The|-|final|--|countdown")]
    public void SplitBehavior_TreatsDelimitersAsNamed(string behavior, string expected) =>
        AssertWords($$"""{"type": "Split", "pattern": {"String": "-"}, "behavior": "{{behavior}}", "invert": false}""", "The-final--countdown", expected);

    [Theory]
    [InlineData("""{"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Removed", "invert": true}""", "How are you", "How|are|you")]
    [InlineData("""{"type": "Digits", "individual_digits": true}""", "a12\ud835\udfd83b", "a|1|2|\ud835\udfd8|3|b")]
    [InlineData("""{"type": "Digits", "individual_digits": false}""", "a12\ud835\udfd83b", "a|12\ud835\udfd83|b")]
    [InlineData("""{"type": "Punctuation", "behavior": "Isolated"}""", "a,b$c\u3002d", "a|,|b|$|c|\u3002|d")]
    [InlineData("""{"type": "WhitespaceSplit"}""", "a  b\u00a0c", "a|b|c")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}""", "a b  c", "\u2581a|\u2581b|\u2581|\u2581c")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": true}""", "a b", "a|\u2581b")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "add_prefix_space": false}""", "a b", "a|\u2581b")]
    [InlineData("""{"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, {"type": "Split", "pattern": {"Regex": "\\s+(?!\\S)|\\s+"}, "behavior": "Isolated"}]}""", "a  1", "a|  |1")]
    public void Component_SplitsAsTheOriginal(string component, string text, string expected) => AssertWords(component, text, expected);

    [Theory]
    // Letters, numbers and symbols beyond U+FFFF are what they are, not pairs of surrogates.
    [InlineData("\\p{L}+|\\p{N}+|[^\\p{L}\\p{N}]+", "a\ud835\udcb3\ud840\udc00\ud835\udfd81\ud83d\ude00!", "a\ud835\udcb3\ud840\udc00|\ud835\udfd81|\ud83d\ude00!")]
    [InlineData("\\p{Lu}\\p{Ll}", "\ud801\udc00\ud801\udc28\ud801\udc00", "\ud801\udc00\ud801\udc28|\ud801\udc00")]
    [InlineData(".", "\ud83d\ude00a", "\ud83d\ude00|a")]
    // A stand-in is never a character that the pattern names.
    [InlineData("[\\x{FF00}-\\x{FFFF}]|[\\u0100-\\uD7FF]", "b\ud835\udcb3\uffdcb", "b\ud835\udcb3|\uffdc|b")]
    // Case folding makes the long s an s.
    [InlineData("(?i:'s|'[dm]|k)", "x'\u017F'M\u212A", "x|'\u017F|'M|\u212A")]
    // Possessive: what x++ has taken it does not give back.
    [InlineData("x++y?|x", "xxyx", "xxy|x")]
    [InlineData("x?+xy", "xy", "xy")]
    [InlineData("\\w+", "a\u0903\u2163\u24B6_\u00b2", "a\u0903\u2163\u24B6_|\u00b2")]
    public void Pattern_MatchesAsOniguruma(string pattern, string text, string expected)
    {
        var json = System.Text.Json.JsonSerializer.Serialize(pattern);
        AssertWords($$"""{"type": "Split", "pattern": {"Regex": {{json}}}, "behavior": "Isolated", "invert": false}""", text, expected);
    }

    [Theory]
    [InlineData(@"[a&&b]", "&&")]
    [InlineData(@"\p{Han}", @"\p")]
    [InlineData(@"\bword", @"\b")]
    [InlineData(@"[[:alpha:]]", "[ inside [ ]")]
    [InlineData(@"(?m:a)", "(?m:")]
    [InlineData(@"a{2}+", "{")]
    [InlineData(@"a{2}?", "{")]
    [InlineData(@"(((((((((((((((((((((((((((((((((((((((((((((((((((a", "nested groups")]
    [InlineData(@"(a", "( without )")]
    [InlineData(@"a)", ")")]
    [InlineData(@"[a", "[ without ]")]
    [InlineData("\ud83d\ude00", "U+FFFF")]
    public void PatternNotUnderstood_IsAnErrorThatQuotesIt(string pattern, string what)
    {
        var json = System.Text.Json.JsonSerializer.Serialize(pattern);
        var parts = $$$"""{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": {{{json}}}}, "behavior": "Isolated"}]}}""";
        var exception = Assert.Throws<TokenizerFormatException>(() => TokenizerFolders.Load(["a"], [], parts));
        Assert.Equal("pre_tokenizer.pretokenizers[0].pattern", exception.Component);
        Assert.Contains(what, exception.Message);
        Assert.Contains(pattern, exception.Message);
    }

    [Fact]
    public void MetaspaceFirst_PrependsOnlyWhereTheTextStarts()
    {
        var tokenizer = TokenizerFolders.Load(["<s>", "\u2581", "a", "b"], [], """
            {
              "added_tokens": [{"id": 0, "content": "<s>", "special": true, "normalized": false}],
              "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false}
            }
            """);
        Assert.Equal(["\u2581", "a", "<s>", "b"], tokenizer.Tokens("a<s>b"));
        Assert.Equal(["<s>", "b"], tokenizer.Tokens("<s>b"));
    }

    [Fact]
    public void ByteLevelPrefixSpace_IsAddedOnce()
    {
        var tokenizer = TokenizerFolders.Load(
            ["\u0120", "a", "\u0120a"], ["\u0120 a"], """{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true}}""");
        Assert.Equal(["\u0120a"], tokenizer.Tokens("a"));
        Assert.Equal(["\u0120a"], tokenizer.Tokens(" a"));
    }

    private static void AssertWords(string component, string text, string expected)
    {
        string[] words = expected.Split('|');
        var tokenizer = TokenizerFolders.Load([.. words.Distinct()], [], $$"""{"pre_tokenizer": {{component}}}""", """{"ignore_merges": true}""");
        Assert.Equal(words, tokenizer.Tokens(text));
    }
}
