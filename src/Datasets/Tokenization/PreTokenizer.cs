namespace TrainingService.Datasets.Tokenization;

/// <summary>A stretch of text on its way to becoming words; <paramref name="StartsText"/>: it begins where the whole text begins.</summary>
internal readonly record struct TextPiece(ReadOnlyMemory<char> Text, bool StartsText);

/// <summary>Splits a piece of text further, and may rewrite it.</summary>
internal delegate void PreTokenizer(TextPiece piece, List<TextPiece> output);

/// <summary>Reads tokenizer.json's <c>pre_tokenizer</c>.</summary>
internal static class PreTokenizers
{
    private const string Known = "ByteLevel, Digits, Metaspace, Punctuation, Sequence, Split, WhitespaceSplit";
    private const string Gpt2Words = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string PunctuationCharacter = @"[!-\/:-@\[-`{-~\p{P}]";

    public static PreTokenizer Read(JsonComponent component) => component.IsNull ? Whole : component.Type switch
    {
        "ByteLevel" => ReadByteLevel(component),
        "Digits" => Splitter(component, @"\p{N}", component["individual_digits"].AsBoolean(false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous),
        "Metaspace" => ReadMetaspace(component),
        "Punctuation" => Splitter(component, PunctuationCharacter, ReadBehavior(component["behavior"])),
        "Sequence" => Sequence([.. component["pretokenizers"].Items().Select(Read)]),
        "Split" => new PatternSplitter(
            UnicodePattern.Read(component), ReadBehavior(component["behavior"]), component["invert"].AsBoolean(false)).Split,
        "WhitespaceSplit" => Splitter(component, @"\s", SplitBehavior.Removed),
        _ => throw component.NotUnderstood(Known),
    };

    private static void Whole(TextPiece piece, List<TextPiece> output) => output.Add(piece);

    private static PreTokenizer Splitter(JsonComponent component, string pattern, SplitBehavior behavior) =>
        new PatternSplitter(new UnicodePattern(pattern, component), behavior, invert: false).Split;

    private static PreTokenizer Sequence(PreTokenizer[] preTokenizers) => (piece, output) =>
    {
        List<TextPiece> pieces = [piece], next = [];
        foreach (var preTokenizer in preTokenizers)
        {
            next.Clear();
            foreach (var part in pieces)
            {
                preTokenizer(part, next);
            }
            (pieces, next) = (next, pieces);
        }
        output.AddRange(pieces);
    };

    private static PreTokenizer ReadByteLevel(JsonComponent component)
    {
        var addPrefixSpace = component["add_prefix_space"].AsBoolean(true);
        PreTokenizer words = component["use_regex"].AsBoolean(true) ? Splitter(component, Gpt2Words, SplitBehavior.Isolated) : Whole;
        return (piece, output) =>
        {
            if (addPrefixSpace && !piece.Text.Span.StartsWith(' '))
            {
                piece = piece with { Text = $" {piece.Text}".AsMemory() };
            }
            var first = output.Count;
            words(piece, output);
            for (var index = first; index < output.Count; index++)
            {
                output[index] = output[index] with { Text = ByteAlphabet.Translate(output[index].Text) };
            }
        };
    }

    private static PreTokenizer ReadMetaspace(JsonComponent component)
    {
        var replacement = ReadSpaceMark(component);
        var scheme = ReadPrependScheme(component);
        var split = component["split"].AsBoolean(true)
            ? new PatternSplitter(UnicodePattern.Literal($"{replacement}"), SplitBehavior.MergedWithNext, invert: false).Split
            : (PreTokenizer)Whole;
        return (piece, output) =>
        {
            var text = piece.Text.ToString().Replace(' ', replacement);
            if (!text.StartsWith(replacement) && (scheme == "always" || (scheme == "first" && piece.StartsText)))
            {
                text = replacement + text;
            }
            split(piece with { Text = text.AsMemory() }, output);
        };
    }

    /// <summary>Metaspace's <c>replacement</c>, which stands for a space.</summary>
    public static char ReadSpaceMark(JsonComponent component) => component["replacement"].AsString() is [var mark]
        ? mark
        : throw component["replacement"].Error($"is '{component["replacement"].AsString()}', expected one character");

    /// <summary>Metaspace's <c>prepend_scheme</c>; older files say <c>add_prefix_space</c>.</summary>
    public static string ReadPrependScheme(JsonComponent component)
    {
        if (!component["add_prefix_space"].AsBoolean(true))
        {
            return "never";
        }
        var scheme = component["prepend_scheme"].AsOptionalString() ?? "always";
        return scheme is "always" or "first" or "never"
            ? scheme
            : throw component["prepend_scheme"].Error($"'{scheme}' is not understood (known: always, first, never)");
    }

    private static SplitBehavior ReadBehavior(JsonComponent component)
    {
        var name = component.AsOptionalString() ?? nameof(SplitBehavior.Isolated);
        return Enum.TryParse<SplitBehavior>(name, out var behavior) && Enum.IsDefined(behavior)
            ? behavior
            : throw component.Error($"'{name}' is not understood (known: {string.Join(", ", Enum.GetNames<SplitBehavior>())})");
    }
}
