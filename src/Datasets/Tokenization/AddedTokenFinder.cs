using System.Buffers;
using System.Globalization;
using System.Text;

namespace TrainingService.Datasets.Tokenization;

/// <summary>Finds added tokens in a text: the leftmost first, and of those the longest.</summary>
internal sealed class AddedTokenFinder
{
    private readonly Dictionary<string, AddedToken> _tokens = new(StringComparer.Ordinal);
    private readonly Dictionary<string, AddedToken>.AlternateLookup<ReadOnlySpan<char>> _tokenOfSpan;
    private readonly SearchValues<string> _contents;
    private readonly int[] _lengthsDescending;

    /// <param name="tokens">The tokens, each with the text to look for.</param>
    public AddedTokenFinder(IEnumerable<(string Text, AddedToken Token)> tokens)
    {
        foreach (var (text, token) in tokens)
        {
            if (text.Length > 0)
            {
                _tokens[text] = token;
            }
        }
        _tokenOfSpan = _tokens.GetAlternateLookup<ReadOnlySpan<char>>();
        _contents = SearchValues.Create([.. _tokens.Keys], StringComparison.Ordinal);
        _lengthsDescending = [.. _tokens.Keys.Select(content => content.Length).Distinct().OrderDescending()];
    }

    /// <summary>The text in order, cut into added tokens (<c>Id</c> set) and what lies between them; nothing is empty.</summary>
    public List<(int Start, int End, int? Id)> Split(string text)
    {
        List<(int Start, int End, int? Id)> parts = [];
        var partStart = 0;
        for (var searchFrom = 0; searchFrom < text.Length;)
        {
            var found = text.AsSpan(searchFrom).IndexOfAny(_contents);
            if (found < 0)
            {
                break;
            }
            var start = searchFrom + found;
            var (token, length) = LongestAt(text, start);
            var end = searchFrom = start + length;
            if (token.SingleWord && (EndsWithWord(text.AsSpan(0, start)) || StartsWithWord(text.AsSpan(end))))
            {
                continue;
            }
            if (token.LeftStrip)
            {
                start = Math.Max(partStart, text.AsSpan(0, start).TrimEnd().Length);
            }
            if (token.RightStrip)
            {
                end = text.Length - text.AsSpan(end).TrimStart().Length;
            }
            if (partStart < start)
            {
                parts.Add((partStart, start, null));
            }
            parts.Add((start, end, token.Id));
            partStart = end;
        }
        if (partStart < text.Length)
        {
            parts.Add((partStart, text.Length, null));
        }
        return parts;
    }

    private (AddedToken Token, int Length) LongestAt(string text, int start)
    {
        foreach (var length in _lengthsDescending)
        {
            if (start + length <= text.Length && _tokenOfSpan.TryGetValue(text.AsSpan(start, length), out var token))
            {
                return (token, length);
            }
        }
        throw new InvalidOperationException("The search found an added token that is not in its dictionary.");
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWordCharacter(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWordCharacter(rune);

    private static bool IsWordCharacter(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => true,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation => true,
        _ => Rune.IsLetter(rune) || rune.Value is 0x200C or 0x200D,
    };
}
