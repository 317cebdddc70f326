namespace TrainingService.Domain.Errors;

/// <summary>A client's text as an error shows it: whole when short, else its beginning.</summary>
public static class Excerpt
{
    /// <summary>At most <paramref name="longest"/> characters of a text, and … where it goes on; a surrogate pair is not cut in two.</summary>
    public static string Of(string text, int longest = 80) => text.Length <= longest ? text
        : string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[longest - 1]) ? longest - 1 : longest), "…");
}
