using System.Globalization;
using System.Numerics;
using System.Text;
using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>Python's str() and repr().</summary>
internal static class PythonText
{
    public static string Of(RenderContext context, object? value)
    {
        if (Markup.Plain(value) is string text)
            return text;
        if (TryScalar(value) is { } scalar)
            return scalar;
        if (value is Undefined)
            return "";
        return Repr(context, value);
    }

    public static string Repr(RenderContext context, object? value)
    {
        var text = new BoundedText(context);
        AppendRepr(context, text, value);
        return text.ToString();
    }

    /// <summary>A key or name for an error message, without a look inside of lists.</summary>
    public static string Plain(object? value) =>
        value is string text ? Quote(text) : TryScalar(value) ?? PythonType.NameOf(value);

    /// <summary>repr() of a text: in single quotes unless it has those and no double ones.</summary>
    public static string Quote(string text)
    {
        char quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        var quoted = new StringBuilder(text.Length + 2).Append(quote);
        Span<char> units = stackalloc char[2];
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == quote || c == '\\')
                quoted.Append('\\').Append(c);
            else if (c is >= ' ' and <= '~')
                quoted.Append(c);
            else if (!Rune.TryGetRuneAt(text, i, out Rune rune))
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
            {
                AppendOther(quoted, rune, units);
                i += rune.Utf16SequenceLength - 1;
            }
        }

        return quoted.Append(quote).ToString();
    }

    private static void AppendOther(StringBuilder quoted, Rune rune, Span<char> units)
    {
        bool printable = Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
        _ = rune.Value switch
        {
            '\n' => quoted.Append("\\n"),
            '\r' => quoted.Append("\\r"),
            '\t' => quoted.Append("\\t"),
            _ when printable => quoted.Append(units[..rune.EncodeToUtf16(units)]),
            <= 0xFF => quoted.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}"),
            <= 0xFFFF => quoted.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}"),
            _ => quoted.Append(CultureInfo.InvariantCulture, $"\\U{rune.Value:x8}"),
        };
    }

    private static string? TryScalar(object? value) => value switch
    {
        null => "None",
        true => "True",
        false => "False",
        long integer => integer.ToString(CultureInfo.InvariantCulture),
        int integer => integer.ToString(CultureInfo.InvariantCulture),
        BigInteger integer => integer.ToString(CultureInfo.InvariantCulture),
        double number => PythonNumber.Print(number),
        _ => null,
    };

    private static void AppendRepr(RenderContext context, BoundedText text, object? value)
    {
        context.Enter();
        switch (value)
        {
            case string inner:
                context.CheckLength(inner.Length);
                text.Append(Quote(inner));
                break;
            case Markup markup:
                AppendItems(context, text, [markup.Text], "Markup(", ")");
                break;
            case PythonRange range:
                text.Append(range.ToString());
                break;
            case PythonTuple tuple:
                AppendItems(context, text, tuple, "(", tuple.Count == 1 ? ",)" : ")");
                break;
            case IReadOnlyList<object?> list:
                AppendItems(context, text, list, "[", "]");
                break;
            case DictView view:
                AppendItems(context, text, view.Items, view.Kind + "([", "])");
                break;
            case PythonNamespace names:
                text.Append("<Namespace ");
                AppendRepr(context, text, names.Attributes);
                text.Append(">");
                break;
            case LoopState loop:
                text.Append($"<LoopContext {loop.Index0 + 1}/{loop.Length}>");
                break;
            case Macro macro:
                text.Append($"<Macro {(macro.Name is null ? "anonymous" : Quote(macro.Name))}>");
                break;
            case Undefined:
                text.Append("Undefined");
                break;
            default:
                if (TryScalar(value) is { } scalar)
                    text.Append(scalar);
                else if (Mapping.Is(value))
                    AppendPairs(context, text, value!);
                else
                    text.Append($"<{PythonType.NameOf(value)}>");
                break;
        }

        context.Leave();
    }

    private static void AppendItems(
        RenderContext context, BoundedText text, IReadOnlyList<object?> items, string open, string close)
    {
        text.Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0)
                text.Append(", ");
            AppendRepr(context, text, items[i]);
        }

        text.Append(close);
    }

    private static void AppendPairs(RenderContext context, BoundedText text, object mapping)
    {
        text.Append("{");
        bool first = true;
        foreach ((object? key, object? value) in Mapping.Pairs(mapping))
        {
            if (!first)
                text.Append(", ");
            first = false;
            AppendRepr(context, text, key);
            text.Append(": ");
            AppendRepr(context, text, value);
        }

        text.Append("}");
    }
}
