namespace TrainingService.Jinja.Values;

/// <summary>What Python's str.isspace() and regular expressions call white space.</summary>
internal static class PythonWhitespace
{
    // .NET leaves out the four separators U+001C to U+001F.
    public static bool Is(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    public static bool IsBlank(ReadOnlySpan<char> text) => TrimmedEnd(text) == 0;

    /// <summary>The length of the text without the white space at its end.</summary>
    public static int TrimmedEnd(ReadOnlySpan<char> text)
    {
        int end = text.Length;
        while (end > 0 && Is(text[end - 1]))
            end--;
        return end;
    }

    /// <summary>The length of the white space at the text's start.</summary>
    public static int LeadingCount(ReadOnlySpan<char> text)
    {
        int start = 0;
        while (start < text.Length && Is(text[start]))
            start++;
        return start;
    }
}
