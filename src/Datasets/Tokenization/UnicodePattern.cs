using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TrainingService.Datasets.Tokenization;

/// <summary>
/// A regular expression of tokenizer.json (Oniguruma's dialect, matched by code point) run by .NET's engine,
/// which matches by UTF-16 unit: to it a letter beyond U+FFFF is two surrogates and no letter.
/// So text with such characters is matched in a stand-in copy, where each is replaced by one character of the same
/// Unicode category that the pattern does not name, and the matches are carried back.
/// </summary>
internal sealed class UnicodePattern
{
    /// <summary>Patterns come with models from strangers; one that backtracks without end must not hold a worker.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly Regex _regex;
    private readonly char[] _standIns;

    public UnicodePattern(string pattern, JsonComponent component)
    {
        var translation = new PatternTranslation(pattern, component);
        _standIns = ChooseStandIns(translation);
        try
        {
            _regex = new Regex(translation.Pattern, RegexOptions.CultureInvariant | RegexOptions.Multiline | RegexOptions.Compiled, Limit);
        }
        catch (ArgumentException exception)
        {
            throw component.Error($"the pattern '{pattern}' is not understood: {exception.Message}", exception);
        }
    }

    private UnicodePattern(string literal)
    {
        _regex = new Regex(Regex.Escape(literal), RegexOptions.CultureInvariant, Limit);
        _standIns = [];
    }

    /// <summary>A pattern that matches one text; surrogates match as they are.</summary>
    public static UnicodePattern Literal(string text) => new(text);

    /// <summary>The <c>pattern</c> of a component: <c>{"Regex": …}</c> or <c>{"String": …}</c>.</summary>
    public static UnicodePattern Read(JsonComponent component)
    {
        var pattern = component["pattern"];
        return pattern["String"] is { IsNull: false } literal
            ? Literal(literal.AsString())
            : new UnicodePattern(pattern["Regex"].AsString(), pattern);
    }

    /// <summary>A component that replaces every match of its <c>pattern</c> by its <c>content</c>.</summary>
    public static Normalizer ReadReplacement(JsonComponent component)
    {
        var content = component["content"].AsString();
        if (component["pattern"]["String"] is { IsNull: false } literal && literal.AsString() is { Length: > 0 } text)
        {
            return input => input.Replace(text, content, StringComparison.Ordinal);
        }
        var pattern = Read(component);
        return input => pattern.Replace(input, content);
    }

    /// <summary>The matches from left to right, as offsets into the text.</summary>
    public List<(int Start, int End)> Matches(ReadOnlySpan<char> text)
    {
        List<(int Start, int End)> matches = [];
        if (_standIns.Length == 0 || !text.ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            foreach (var match in _regex.EnumerateMatches(text))
            {
                matches.Add((match.Index, match.Index + match.Length));
            }
            return matches;
        }

        var copy = ArrayPool<char>.Shared.Rent(text.Length);
        var offsets = ArrayPool<int>.Shared.Rent(text.Length + 1);
        int count = 0, offset = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            copy[count] = rune.IsBmp ? (char)rune.Value : _standIns[(int)Rune.GetUnicodeCategory(rune)];
            offsets[count++] = offset;
            offset += rune.Utf16SequenceLength;
        }
        offsets[count] = offset;
        foreach (var match in _regex.EnumerateMatches(copy.AsSpan(0, count)))
        {
            matches.Add((offsets[match.Index], offsets[match.Index + match.Length]));
        }
        ArrayPool<char>.Shared.Return(copy);
        ArrayPool<int>.Shared.Return(offsets);
        return matches;
    }

    private string Replace(string text, string content)
    {
        var result = new StringBuilder();
        var previousEnd = 0;
        foreach (var (start, end) in Matches(text))
        {
            result.Append(text, previousEnd, start - previousEnd).Append(content);
            previousEnd = end;
        }
        return result.Append(text, previousEnd, text.Length - previousEnd).ToString();
    }

    /// <summary>For each Unicode category, one character that the pattern can only tell apart by its category.</summary>
    private static char[] ChooseStandIns(PatternTranslation translation)
    {
        var standIns = new char[Enum.GetValues<UnicodeCategory>().Length];
        for (var code = (int)char.MaxValue; code > 0x7F; code--)
        {
            var category = (int)CharUnicodeInfo.GetUnicodeCategory(code);
            if (standIns[category] == 0 && !translation.Names((char)code))
            {
                standIns[category] = (char)code;
            }
        }
        return standIns;
    }
}
