using System.Globalization;
using System.Text;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Library;

/// <summary>What filters and string methods share: Python's operations on texts, paid for by their length.</summary>
internal static class TextOperations
{
    public static string Upper(RenderContext context, string text)
    {
        context.ChargeText(text.Length);
        return text.ToUpperInvariant().Replace("ß", "SS", StringComparison.Ordinal);
    }

    public static string Lower(RenderContext context, string text)
    {
        context.ChargeText(text.Length);
        return text.ToLowerInvariant();
    }

    public static string Capitalize(RenderContext context, string text)
    {
        int first = text.Length > 1 && char.IsSurrogatePair(text[0], text[1]) ? 2 : Math.Min(1, text.Length);
        return Upper(context, text[..first]) + Lower(context, text[first..]);
    }

    /// <summary>Without the given characters (white space when null) at the chosen ends.</summary>
    public static string Strip(RenderContext context, string text, string? characters, bool start, bool end)
    {
        context.ChargeText(text.Length);
        if (characters is null)
        {
            int stop = end ? PythonWhitespace.TrimmedEnd(text) : text.Length;
            int from = start ? PythonWhitespace.LeadingCount(text.AsSpan(0, stop)) : 0;
            return text[from..stop];
        }

        HashSet<Rune> set = [.. characters.EnumerateRunes()];
        ReadOnlySpan<char> rest = text;
        while (start && rest.Length > 0 && Rune.DecodeFromUtf16(rest, out Rune first, out int width) == 0 && set.Contains(first))
            rest = rest[width..];
        while (end && rest.Length > 0 && Rune.DecodeLastFromUtf16(rest, out Rune last, out int width) == 0 && set.Contains(last))
            rest = rest[..^width];
        return rest.ToString();
    }

    public static string Replace(RenderContext context, string text, string old, string replacement, long count)
    {
        context.ChargeSearch(text, old);
        if (count == 0 || (old.Length > 0 && !text.Contains(old, StringComparison.Ordinal)))
            return text;
        long left = count < 0 ? long.MaxValue : count;
        var result = new BoundedText(context);
        int from = 0;
        if (old.Length == 0)
        {
            // Python puts the replacement before every character and at the end.
            foreach (string character in CodePoints.Split(text))
            {
                if (left-- > 0)
                    result.Append(replacement);
                result.Append(character);
            }

            return left > 0 ? result.Append(replacement).ToString() : result.ToString();
        }

        for (int at; left-- > 0 && (at = text.IndexOf(old, from, StringComparison.Ordinal)) >= 0; from = at + old.Length)
            result.Append(text.AsSpan(from, at - from)).Append(replacement);
        return result.Append(text.AsSpan(from)).ToString();
    }

    public static object Split(RenderContext context, string text, string? separator, long max, bool fromRight)
    {
        List<string> parts = separator is null
            ? SplitOnWhitespace(context, text, max, fromRight)
            : SplitOn(context, text, separator, max, fromRight);
        context.ReserveList(parts.Count);
        if (fromRight)
            parts.Reverse();
        return parts.ConvertAll(part => (object?)part);
    }

    public static List<string> SplitLines(RenderContext context, string text, bool keepEnds)
    {
        context.ChargeText(text.Length);
        var lines = new List<string>();
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('\n' or '\r' or '\v' or '\f' or >= '\x1c' and <= '\x1e' or '\x85' or '\u2028' or '\u2029'))
                continue;
            int end = i;
            if (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n')
                i++;
            lines.Add(text[start..(keepEnds ? i + 1 : end)]);
            start = i + 1;
        }

        if (start < text.Length)
            lines.Add(text[start..]);
        context.ReserveList(lines.Count);
        return lines;
    }

    public static string Join(RenderContext context, string separator, IEnumerable<string> parts)
    {
        var joined = new BoundedText(context);
        bool first = true;
        foreach (string part in parts)
        {
            if (!first)
                joined.Append(separator);
            first = false;
            joined.Append(part);
        }

        return joined.ToString();
    }

    /// <summary>Filled up to a width in code points, more of it on the given side.</summary>
    public static string Pad(RenderContext context, string text, long width, string fill, double leftShare)
    {
        long missing = width - CodePoints.Count(text);
        if (missing <= 0)
            return text;
        context.Reserve(text.Length + (missing * fill.Length));
        int left = (int)Math.Floor(missing * leftShare);
        // str.center puts the odd character left when the width is odd.
        if (leftShare == 0.5 && missing % 2 == 1 && width % 2 == 1)
            left++;
        var padded = new StringBuilder();
        return padded.Insert(0, fill, left).Append(text).Insert(padded.Length, fill, (int)missing - left).ToString();
    }

    public static string Indent(RenderContext context, string text, string indention, bool first, bool blank)
    {
        List<string> lines = SplitLines(context, text + "\n", keepEnds: false);
        var result = new BoundedText(context);
        for (int i = 0; i < lines.Count; i++)
        {
            if (i > 0)
                result.Append('\n');
            if (i == 0 ? first : blank || lines[i].Length > 0)
                result.Append(indention);
            result.Append(lines[i]);
        }

        return result.ToString();
    }

    /// <summary>Upper case for each letter that follows none, as str.title does.</summary>
    public static string Title(RenderContext context, string text)
    {
        context.ChargeText(text.Length);
        var title = new StringBuilder(text.Length);
        bool afterLetter = false;
        foreach (char c in text)
        {
            title.Append(afterLetter ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c));
            afterLetter = char.IsUpper(c) || char.IsLower(c);
        }

        return title.ToString();
    }

    public static string Escape(RenderContext context, string text)
    {
        var escaped = new BoundedText(context);
        int from = 0;
        for (int i; (i = text.AsSpan(from).IndexOfAny("&<>'\"")) >= 0; from += i + 1)
        {
            escaped.Append(text.AsSpan(from, i)).Append(text[from + i] switch
            {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '\'' => "&#39;",
                _ => "&#34;",
            });
        }

        return escaped.Append(text.AsSpan(from)).ToString();
    }

    public static bool IsLetterCase(string text, UnicodeCategory wanted, UnicodeCategory other)
    {
        bool any = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            if (category == other || category == UnicodeCategory.TitlecaseLetter)
                return false;
            any |= category == wanted;
        }

        return any;
    }

    private static List<string> SplitOn(RenderContext context, string text, string separator, long max, bool fromRight)
    {
        if (separator.Length == 0)
            throw new JinjaRenderException("empty separator");
        context.ChargeSearch(text, separator);
        var parts = new List<string>();
        int start = 0;
        int end = text.Length;
        for (; max != 0; max--)
        {
            int at = fromRight
                ? text.AsSpan(0, end).LastIndexOf(separator)
                : text.IndexOf(separator, start, StringComparison.Ordinal);
            if (at < 0)
                break;
            parts.Add(fromRight ? text[(at + separator.Length)..end] : text[start..at]);
            if (fromRight)
                end = at;
            else
                start = at + separator.Length;
        }

        parts.Add(text[start..end]);
        return parts;
    }

    private static List<string> SplitOnWhitespace(RenderContext context, string text, long max, bool fromRight)
    {
        context.ChargeText(text.Length);
        var parts = new List<string>();
        ReadOnlySpan<char> rest = text;
        while (true)
        {
            rest = fromRight ? rest[..PythonWhitespace.TrimmedEnd(rest)] : rest[PythonWhitespace.LeadingCount(rest)..];
            if (rest.IsEmpty)
                return parts;
            if (max-- == 0)
            {
                // What is left over keeps its far end, as in Python.
                parts.Add(rest.ToString());
                return parts;
            }

            int word = 0;
            while (word < rest.Length && !PythonWhitespace.Is(fromRight ? rest[^(word + 1)] : rest[word]))
                word++;
            parts.Add((fromRight ? rest[^word..] : rest[..word]).ToString());
            rest = fromRight ? rest[..^word] : rest[word..];
        }
    }
}
