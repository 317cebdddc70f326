using System.Text;

namespace TrainingService.Jinja.Values;

/// <summary>
/// Python counts and indexes text by code points, .NET by UTF-16 units. They agree unless there are surrogates,
/// so all of this is a vectorised look for one first.
/// </summary>
internal static class CodePoints
{
    public static bool AreUnits(ReadOnlySpan<char> text) => !text.ContainsAnyInRange('\uD800', '\uDFFF');

    public static int Count(ReadOnlySpan<char> text)
    {
        if (AreUnits(text))
            return text.Length;
        int count = text.Length;
        for (int i = 1; i < text.Length; i++)
        {
            if (char.IsSurrogatePair(text[i - 1], text[i]))
                count--;
        }

        return count;
    }

    /// <summary>Where each code point starts, and last the text's length; null when that is every unit.</summary>
    public static int[]? Offsets(string text)
    {
        if (AreUnits(text))
            return null;
        var offsets = new List<int>(text.Length + 1);
        for (int i = 0; i < text.Length; i += Width(text, i))
            offsets.Add(i);
        offsets.Add(text.Length);
        return [.. offsets];
    }

    /// <summary>Each code point as a text of its own.</summary>
    public static IEnumerable<string> Split(string text)
    {
        for (int i = 0; i < text.Length;)
        {
            int width = Width(text, i);
            yield return text.Substring(i, width);
            i += width;
        }
    }

    /// <summary>The order of code points; UTF-16's puts U+E000 to U+FFFF after the planes above.</summary>
    public static int Compare(string left, string right)
    {
        int same = left.AsSpan().CommonPrefixLength(right);
        if (same == left.Length || same == right.Length)
            return left.Length.CompareTo(right.Length);
        char a = left[same];
        char b = right[same];
        return char.IsSurrogate(a) != char.IsSurrogate(b)
            ? char.IsSurrogate(a) ? 1 : -1
            : a.CompareTo(b);
    }

    public static bool All(string text, Func<Rune, bool> test)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (!test(rune))
                return false;
        }

        return text.Length > 0;
    }

    private static int Width(string text, int i) =>
        i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]) ? 2 : 1;
}
