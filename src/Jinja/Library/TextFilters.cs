using System.Text;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;
using static TrainingService.Jinja.Library.Filters;

namespace TrainingService.Jinja.Library;

/// <summary>Filters that make text. Their input may be anything: it is printed first.</summary>
internal static class TextFilters
{
    public static IEnumerable<KeyValuePair<string, Filter>> All =>
    [
        Keeping("string", [], (c, v, _) => PythonText.Of(c, v)),
        Define("safe", [], (c, v, _) => new Markup(PythonText.Of(c, v))),
        Define("escape", [], (c, v, _) => Markup.Escape(c, v)),
        Define("e", [], (c, v, _) => Markup.Escape(c, v)),
        Define("forceescape", [], (c, v, _) => new Markup(TextOperations.Escape(c, PythonText.Of(c, v)))),
        Keeping("upper", [], (c, v, _) => TextOperations.Upper(c, PythonText.Of(c, v))),
        Keeping("lower", [], (c, v, _) => TextOperations.Lower(c, PythonText.Of(c, v))),
        Keeping("capitalize", [], (c, v, _) => TextOperations.Capitalize(c, PythonText.Of(c, v))),
        Define("title", [], (c, v, _) => Title(c, PythonText.Of(c, v))),
        Keeping("trim", ["chars"], (c, v, a) => TextOperations.Strip(c, PythonText.Of(c, v), a.TextOrNone(0), start: true, end: true)),
        Define("replace", ["old", "new", "count"], (c, v, a) => TextOperations.Replace(
            c, PythonText.Of(c, v), PythonText.Of(c, a[0]), PythonText.Of(c, a[1]), a.Integer(2, -1))),
        Keeping("indent", ["width", "first", "blank"], (c, v, a) => TextOperations.Indent(
            c, Text(v, "indent"), Indention(c, a.Or(0, 4L)), a.Flag(1), a.Flag(2))),
        Keeping("center", ["width"], (c, v, a) => TextOperations.Pad(c, PythonText.Of(c, v), a.Integer(0, 80), " ", leftShare: 0.5)),
        Define("truncate", ["length", "killwords", "end", "leeway"], Truncate),
        Define("wordcount", [], (c, v, _) => WordCount(c, PythonText.Of(c, v))),
        Define("striptags", [], (c, v, _) => StripTags(c, PythonText.Of(c, v))),
        Define("urlencode", [], (c, v, _) => UrlEncode(c, v)),
        Define("pprint", [], (c, v, _) => PythonText.Repr(c, v)),
        Define("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"], ToJson),
        new("format", (c, v, arguments) => PrintfFormat.Apply(c, PythonText.Of(c, v), arguments)),
    ];

    /// <summary>A filter whose result is markup when its input is.</summary>
    private static KeyValuePair<string, Filter> Keeping(
        string name, string[] parameters, Func<RenderContext, object?, BoundArguments, object?> body) =>
        Define(name, parameters, (c, v, a) => v is Markup ? Markup.Mark(body(c, v, a)) : body(c, v, a));

    private static string Text(object? value, string filter) => Markup.Plain(value) switch
    {
        string text => text,
        Undefined undefined => throw undefined.Fail(),
        _ => throw new JinjaRenderException($"{filter} needs a str, not {PythonType.NameOf(value)}"),
    };

    private static string Indention(RenderContext context, object? width)
    {
        if (width is string text)
            return text;
        if (!PythonNumber.TryInteger(width, out long spaces))
            throw new JinjaRenderException($"indent's width must be a number or a str, not {PythonType.NameOf(width)}");
        context.Reserve(spaces);
        return new string(' ', (int)Math.Max(spaces, 0));
    }

    /// <summary>Capitals at the start of words; unlike str.title, an apostrophe starts none.</summary>
    private static string Title(RenderContext context, string text)
    {
        context.ChargeText(text.Length);
        var title = new StringBuilder(text.Length);
        bool startsWord = true;
        foreach (char c in text)
        {
            title.Append(startsWord ? char.ToUpperInvariant(c) : char.ToLowerInvariant(c));
            startsWord = c is '-' or '(' or '{' or '[' or '<' || PythonWhitespace.Is(c);
        }

        return title.ToString();
    }

    private static object? Truncate(RenderContext context, object? value, BoundArguments arguments)
    {
        string text = Text(value, "truncate");
        long length = arguments.Integer(0, 255);
        string end = arguments.Has(2) ? arguments.Text(2) : "...";
        long leeway = arguments.Integer(3, 5);
        int endLength = CodePoints.Count(end);
        if (length < endLength || leeway < 0)
            throw new JinjaRenderException($"expected length >= {endLength} and leeway >= 0, got {length} and {leeway}");
        if (Iteration.Length(context, text) <= length + leeway)
            return text;
        string kept = new PythonSlice(null, length - endLength, null).Apply(context, text);
        int lastSpace = kept.LastIndexOf(' ');
        return arguments.Flag(1) || lastSpace < 0 ? kept + end : kept[..lastSpace] + end;
    }

    private static object WordCount(RenderContext context, string text)
    {
        context.ChargeText(text.Length);
        long words = 0;
        bool inWord = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isWord = rune.Value == '_' || Rune.IsLetterOrDigit(rune) || Rune.IsNumber(rune);
            words += isWord && !inWord ? 1 : 0;
            inWord = isWord;
        }

        return words;
    }

    private static string StripTags(RenderContext context, string text)
    {
        context.ChargeText(text.Length);
        var kept = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            int close = text[i] == '<' ? text.IndexOf('>', i) : -1;
            if (close < 0 && text[i] == '<')
                return Squeeze(kept.Append(text.AsSpan(i)));
            if (close < 0)
                kept.Append(text[i]);
            else
                i = close;
        }

        return Squeeze(kept);

        static string Squeeze(StringBuilder built) =>
            string.Join(' ', built.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    private static string UrlEncode(RenderContext context, object? value)
    {
        string Quote(object? part, bool keepSlash)
        {
            string text = PythonText.Of(context, part);
            context.Reserve(text.Length * 9L);
            string quoted = Uri.EscapeDataString(text);
            return keepSlash ? quoted.Replace("%2F", "/", StringComparison.Ordinal) : quoted.Replace("%20", "+", StringComparison.Ordinal);
        }

        if (value is string or Markup || !Iteration.IsIterable(value))
            return Quote(value, keepSlash: true);
        object? pairs = Mapping.Is(value) ? Mapping.Items(context, value) : value;
        return TextOperations.Join(context, "&", Iteration.Of(context, pairs).Select(pair =>
            pair is IReadOnlyList<object?> { Count: 2 } both
                ? $"{Quote(both[0], keepSlash: false)}={Quote(both[1], keepSlash: false)}"
                : throw new JinjaRenderException("urlencode needs pairs")));
    }

    private static object? ToJson(RenderContext context, object? value, BoundArguments arguments)
    {
        object? indent = arguments.Or(1, null);
        string itemSeparator = indent is null ? ", " : ",";
        string keySeparator = ": ";
        if (arguments.Or(2, null) is { } separators)
        {
            if (separators is not IReadOnlyList<object?> { Count: 2 } both || both[0] is not string item || both[1] is not string key)
                throw new JinjaRenderException("tojson's separators must be a pair of str");
            (itemSeparator, keySeparator) = (item, key);
        }

        string? indention = indent is null ? null : Indention(context, indent);
        return new JsonText(context, arguments.Flag(0), indention, itemSeparator, keySeparator, arguments.Flag(3)).Write(value);
    }
}
