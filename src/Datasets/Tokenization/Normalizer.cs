using System.Text;

namespace TrainingService.Datasets.Tokenization;

/// <summary>Changes a text before it is split into words.</summary>
internal delegate string Normalizer(string text);

/// <summary>Reads tokenizer.json's <c>normalizer</c>.</summary>
internal static class Normalizers
{
    private const string Known = "NFC, NFD, NFKC, NFKD, Prepend, Replace, Strip, Sequence";

    public static Normalizer Read(JsonComponent component) => component.IsNull ? text => text : component.Type switch
    {
        "NFC" => UnicodeForm(component, NormalizationForm.FormC),
        "NFD" => UnicodeForm(component, NormalizationForm.FormD),
        "NFKC" => UnicodeForm(component, NormalizationForm.FormKC),
        "NFKD" => UnicodeForm(component, NormalizationForm.FormKD),
        "Prepend" => Prepend(component["prepend"].AsString()),
        "Replace" => UnicodePattern.ReadReplacement(component),
        "Strip" => Strip(component["strip_left"].AsBoolean(true), component["strip_right"].AsBoolean(true)),
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
