using System.Text;

namespace TrainingService.Domain.Jobs;

/// <summary>Texts about what clients gave, which may quote anything: PostgreSQL stores neither NUL nor half a surrogate pair.</summary>
internal static class StoredText
{
    /// <summary>The text, with � for what cannot be stored.</summary>
    public static string Of(string text)
    {
        if (!text.Contains('\0') && !text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) return text;
        var stored = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes()) stored.Append(rune.Value == 0 ? Rune.ReplacementChar : rune);
        return stored.ToString();
    }
}
