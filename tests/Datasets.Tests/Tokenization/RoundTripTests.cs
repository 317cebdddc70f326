using System.Text;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Tokenization;

public sealed class RoundTripTests
{
    private static readonly string[] Fragments =
    [
        " ", "  ", "\n", "\r\n", "\t", "word", " word", "'s", "'\u017F", "12", "\u00e9", "e\u0301", "\u4f60\u597d", "\u0928\u092e\u0938\u094d",
        "\ud83d\ude00", "\ud83d\udc69\u200d\ud83d\udc67", "\ud835\udcb3", "\ud840\udc00", "\u200b", "\ufeff", "\0", "\ud800", "\udc00", "\ufffe",
        "<|im_start|>", "<|im_end|>", "<|endoftext|>", "!", "\u2581",
    ];

    [Fact]
    public void ByteLevelText_ComesBackUnchanged()
    {
        var tokenizer = ModelTokenizer.Load(TokenizerFolders.Own);
        var random = new Random(1);
        for (var round = 0; round < 3000; round++)
        {
            var text = RandomText(random);
            var ids = tokenizer.Encode(text, addSpecialTokens: true);
            Assert.Equal(Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)), tokenizer.Decode(ids, skipSpecialTokens: false));
        }
    }

    [Fact]
    public void SentencePieceText_ComesBackUnchanged()
    {
        var tokenizer = TokenizerFolders.Load(
            [.. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"), "<unk>", "\u2581", "w", "o", "r", "d", "\u2581w", "or", "ord"],
            ["\u2581 w", "o r", "or d"], SentencePieceParts, """{"byte_fallback": true, "fuse_unk": true, "unk_token": "<unk>"}""");
        var random = new Random(2);
        for (var round = 0; round < 3000; round++)
        {
            // The lower one-eighth block stands for a space there, and comes back as one.
            var text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(RandomText(random).Replace('\u2581', '_')));
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, addSpecialTokens: false), skipSpecialTokens: false));
        }
    }

    [Fact]
    public void StreamedPieces_JoinToTheDecodedText()
    {
        var byteLevel = ModelTokenizer.Load(TokenizerFolders.Own);
        var sentencePiece = TokenizerFolders.Load(
            [.. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"), "\u2581", "a", "\u2581a"], ["\u2581 a"], SentencePieceParts);
        var random = new Random(3);
        foreach (var tokenizer in new[] { byteLevel, sentencePiece })
        {
            for (var round = 0; round < 2000; round++)
            {
                // Any ids at all: most make broken UTF-8, some do not exist.
                int[] ids = [.. Enumerable.Range(0, random.Next(12)).Select(_ => random.Next(tokenizer.VocabularySize + 2))];
                var skipSpecialTokens = random.Next(2) == 0;
                var decoder = tokenizer.CreateStreamingDecoder(skipSpecialTokens);
                var streamed = string.Concat(ids.Select(decoder.Append)) + decoder.Flush();
                Assert.Equal(WholeText(tokenizer, ids, skipSpecialTokens, tokenizer == byteLevel), streamed);
                Assert.Equal(tokenizer.Decode(ids, skipSpecialTokens), streamed);
            }
        }
    }

    [Fact]
    public void StreamingDecoder_HoldsBackPartOfACharacter()
    {
        var tokenizer = ModelTokenizer.Load(TokenizerFolders.Own);
        var decoder = tokenizer.CreateStreamingDecoder(skipSpecialTokens: true);
        var pieces = tokenizer.Encode("a\ud83d\ude00", addSpecialTokens: false).Select(decoder.Append).ToArray();
        Assert.Equal("a", pieces[0]);
        Assert.All(pieces[1..^1], piece => Assert.Equal("", piece));
        Assert.Equal("\ud83d\ude00", pieces[^1]);
        Assert.Equal("", decoder.Flush());
    }

    [Fact]
    public void SharedTokenizer_GivesEveryThreadTheSameIds()
    {
        var tokenizer = ModelTokenizer.Load(TokenizerFolders.Own);
        var random = new Random(4);
        string[] texts = [.. Enumerable.Range(0, 500).Select(_ => RandomText(random))];
        var fresh = ModelTokenizer.Load(TokenizerFolders.Own);
        int[][] expected = [.. texts.Select(text => fresh.Encode(text, addSpecialTokens: false))];
        Parallel.For(0, 4, _ => Assert.Equal(expected, texts.Select(text => tokenizer.Encode(text, addSpecialTokens: false))));
    }

    private const string SentencePieceParts = """
        {
          "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
          "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
        }
        """;

    private static string RandomText(Random random)
    {
        var text = new StringBuilder();
        for (var count = random.Next(16); count > 0; count--)
        {
            text.Append(random.Next(3) > 0 ? Fragments[random.Next(Fragments.Length)] : RandomRune(random).ToString());
        }
        return text.ToString();
    }

    private static Rune RandomRune(Random random)
    {
        var code = random.Next(2) == 0 ? random.Next(0xD800) : random.Next(0xE000, 0x110000);
        return new Rune(code);
    }

    /// <summary>The definition, written out over all tokens at once.</summary>
    private static string WholeText(ModelTokenizer tokenizer, int[] ids, bool skipSpecialTokens, bool isByteLevel)
    {
        string[] tokens = [.. ids.Where(id => !(skipSpecialTokens && tokenizer.IsSpecial(id))).Select(tokenizer.TokenOf).OfType<string>()];
        if (isByteLevel)
        {
            return Encoding.UTF8.GetString([.. tokens.SelectMany(ByteAlphabet.Bytes)]);
        }
        var text = new StringBuilder();
        for (var index = 0; index < tokens.Length;)
        {
            byte[] run = [.. tokens.Skip(index).TakeWhile(token => token.StartsWith("<0x")).Select(token => Convert.ToByte(token[3..5], 16))];
            if (run.Length == 0)
            {
                text.Append(tokens[index++].Replace('\u2581', ' '));
                continue;
            }
            var decoded = Encoding.UTF8.GetString(run);
            var isValid = Encoding.UTF8.GetBytes(decoded).AsSpan().SequenceEqual(run);
            text.Append(isValid ? decoded : new string('\uFFFD', run.Length));
            index += run.Length;
        }
        return text.Length > 0 && text[0] == ' ' ? text.ToString(1, text.Length - 1) : text.ToString();
    }
}
