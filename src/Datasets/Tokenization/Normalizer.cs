using System.Globalization;
using System.Text;

namespace TrainingService.Datasets.Tokenization;

/// <summary>Changes a text before it is split into words.</summary>
internal delegate string Normalizer(string text);

/// <summary>Reads tokenizer.json's <c>normalizer</c>.</summary>
internal static class Normalizers
{
    private const string Known = "Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace, Strip, StripAccents, Sequence";

    public static Normalizer Read(JsonComponent component) => component.IsNull ? text => text : component.Type switch
    {
        "Lowercase" => Lowercase,
        "NFC" => UnicodeForm(component, NormalizationForm.FormC),
        "NFD" => UnicodeForm(component, NormalizationForm.FormD),
        "NFKC" => UnicodeForm(component, NormalizationForm.FormKC),
        "NFKD" => UnicodeForm(component, NormalizationForm.FormKD),
        "Nmt" => Nmt,
        "Precompiled" => PrecompiledCharacters.Read(component),
        "Prepend" => Prepend(component["prepend"].AsString()),
        "Replace" => UnicodePattern.ReadReplacement(component),
        "Strip" => Strip(component["strip_left"].AsBoolean(true), component["strip_right"].AsBoolean(true)),
        "StripAccents" => StripAccents,
        "Sequence" => Sequence([.. component["normalizers"].Items().Select(Read)]),
        _ => throw component.NotUnderstood(Known),
    };

    private static Normalizer UnicodeForm(JsonComponent component, NormalizationForm form)
    {
        // Without ICU (invariant globalisation) .NET returns its input, and ids would be silently wrong.
        if ("e\u0301".Normalize(NormalizationForm.FormC) != "\u00e9")
        {
            throw component.Error("Unicode normalisation needs ICU: install libicu and leave invariant globalisation off");
        }
        // .NET refuses U+FFFE, which Unicode allows in a text and which composes with nothing.
        return text => text.Contains('\uFFFE')
            ? string.Join('\uFFFE', text.Split('\uFFFE').Select(part => part.Normalize(form)))
            : text.Normalize(form);
    }

    // Of all letters only the dotted capital I becomes two characters.
    private static string Lowercase(string text) => text.ToLowerInvariant().Replace("\u0130", "i\u0307", StringComparison.Ordinal);

    /// <summary>Control characters go, and what is white space to Google's translation models becomes a space.</summary>
    private static string Nmt(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var character in text)
        {
            switch (character)
            {
                case (>= '\u0001' and <= '\u0008') or '\u000B' or (>= '\u000E' and <= '\u001F') or '\u007F' or '\u008F' or '\u009F':
                    break;
                case '\t' or '\n' or '\f' or '\r' or '\u1680' or (>= '\u200B' and <= '\u200F') or '\u2028' or '\u2029' or '\u2581' or '\uFEFF' or '\uFFFD':
                    result.Append(' ');
                    break;
                default:
                    result.Append(character);
                    break;
            }
        }
        return result.ToString();
    }

    private static string StripAccents(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var character in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(character) is not (UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark))
            {
                result.Append(character.ToString());
            }
        }
        return result.ToString();
    }

    private static Normalizer Prepend(string prefix) => text => text.Length == 0 ? text : prefix + text;

    private static Normalizer Strip(bool left, bool right) => text =>
    {
        text = left ? text.TrimStart() : text;
        return right ? text.TrimEnd() : text;
    };

    private static Normalizer Sequence(Normalizer[] normalizers) => text =>
    {
        foreach (var normalizer in normalizers)
        {
            text = normalizer(text);
        }
        return text;
    };
}
