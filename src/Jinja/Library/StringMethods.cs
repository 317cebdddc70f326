using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Library;

/// <summary>The methods of Python's str.</summary>
internal static class StringMethods
{
    private static readonly FrozenDictionary<string, Operation<string>> Methods = Table().ToFrozenDictionary(method => method.Name);

    /// <summary>The method bound to its text, or absent.</summary>
    public static object? Find(string text, string name)
    {
        if (name == "format")
            return new Function(name, (context, arguments) => StrFormat.Apply(context, text, arguments));
        return Methods.TryGetValue(name, out Operation<string>? method)
            ? new Function(name, (context, arguments) => method.Apply(context, text, arguments))
            : BoundArguments.Absent;
    }

    private static IEnumerable<Operation<string>> Table() =>
    [
        new("upper", [], (c, s, _) => TextOperations.Upper(c, s)),
        new("lower", [], (c, s, _) => TextOperations.Lower(c, s)),
        new("casefold", [], (c, s, _) => TextOperations.Lower(c, s).Replace("ß", "ss", StringComparison.Ordinal)),
        new("capitalize", [], (c, s, _) => TextOperations.Capitalize(c, s)),
        new("title", [], (c, s, _) => TextOperations.Title(c, s)),
        new("swapcase", [], (c, s, _) => SwapCase(c, s)),
        new("strip", ["chars"], (c, s, a) => TextOperations.Strip(c, s, a.TextOrNone(0), start: true, end: true)),
        new("lstrip", ["chars"], (c, s, a) => TextOperations.Strip(c, s, a.TextOrNone(0), start: true, end: false)),
        new("rstrip", ["chars"], (c, s, a) => TextOperations.Strip(c, s, a.TextOrNone(0), start: false, end: true)),
        new("split", ["sep", "maxsplit"], (c, s, a) => TextOperations.Split(c, s, a.TextOrNone(0), a.Integer(1, -1), fromRight: false)),
        new("rsplit", ["sep", "maxsplit"], (c, s, a) => TextOperations.Split(c, s, a.TextOrNone(0), a.Integer(1, -1), fromRight: true)),
        new("splitlines", ["keepends"], (c, s, a) => TextOperations.SplitLines(c, s, a.Flag(0)).ConvertAll(line => (object?)line)),
        new("replace", ["old", "new", "count"], (c, s, a) => TextOperations.Replace(c, s, a.Text(0), a.Text(1), a.Integer(2, -1))),
        new("join", ["iterable"], (c, s, a) => Join(c, s, a[0])),
        new("startswith", ["prefix", "start", "end"], (c, s, a) => HasAffix(c, s, a, atEnd: false)),
        new("endswith", ["suffix", "start", "end"], (c, s, a) => HasAffix(c, s, a, atEnd: true)),
        new("removeprefix", ["prefix"], (c, s, a) => s.StartsWith(a.Text(0), StringComparison.Ordinal) ? Paid(c, s[a.Text(0).Length..]) : s),
        new("removesuffix", ["suffix"], (c, s, a) => s.EndsWith(a.Text(0), StringComparison.Ordinal) ? Paid(c, s[..^a.Text(0).Length]) : s),
        new("find", ["sub", "start", "end"], (c, s, a) => Find(c, s, a, last: false)),
        new("rfind", ["sub", "start", "end"], (c, s, a) => Find(c, s, a, last: true)),
        new("index", ["sub", "start", "end"], (c, s, a) => Found(Find(c, s, a, last: false))),
        new("rindex", ["sub", "start", "end"], (c, s, a) => Found(Find(c, s, a, last: true))),
        new("count", ["sub", "start", "end"], (c, s, a) => Count(c, s, a)),
        new("partition", ["sep"], (c, s, a) => Partition(c, s, a.Text(0), last: false)),
        new("rpartition", ["sep"], (c, s, a) => Partition(c, s, a.Text(0), last: true)),
        new("center", ["width", "fillchar"], (c, s, a) => TextOperations.Pad(c, s, a.Integer(0), Fill(a), leftShare: 0.5)),
        new("ljust", ["width", "fillchar"], (c, s, a) => TextOperations.Pad(c, s, a.Integer(0), Fill(a), leftShare: 0)),
        new("rjust", ["width", "fillchar"], (c, s, a) => TextOperations.Pad(c, s, a.Integer(0), Fill(a), leftShare: 1)),
        new("zfill", ["width"], (c, s, a) => ZeroFill(c, s, a.Integer(0))),
        new("expandtabs", ["tabsize"], (c, s, a) => ExpandTabs(c, s, a.Integer(0, 8))),
        new("isalpha", [], (c, s, _) => All(c, s, Rune.IsLetter)),
        new("isalnum", [], (c, s, _) => All(c, s, rune => Rune.IsLetter(rune) || Rune.IsNumber(rune))),
        new("isdigit", [], (c, s, _) => All(c, s, Rune.IsDigit)),
        new("isdecimal", [], (c, s, _) => All(c, s, Rune.IsDigit)),
        new("isnumeric", [], (c, s, _) => All(c, s, Rune.IsNumber)),
        new("isspace", [], (c, s, _) => s.Length > 0 && PythonWhitespace.IsBlank(Paid(c, s))),
        new("isascii", [], (c, s, _) => Ascii.IsValid(Paid(c, s))),
        new("islower", [], (c, s, _) => TextOperations.IsLetterCase(Paid(c, s), UnicodeCategory.LowercaseLetter, UnicodeCategory.UppercaseLetter)),
        new("isupper", [], (c, s, _) => TextOperations.IsLetterCase(Paid(c, s), UnicodeCategory.UppercaseLetter, UnicodeCategory.LowercaseLetter)),
        new("istitle", [], (c, s, _) => s.Any(char.IsLetter) && TextOperations.Title(c, s) == s),
    ];

    private static string Paid(RenderContext context, string text)
    {
        context.ChargeText(text.Length);
        return text;
    }

    private static bool All(RenderContext context, string text, Func<Rune, bool> test) => CodePoints.All(Paid(context, text), test);

    private static string SwapCase(RenderContext context, string text) => string.Create(Paid(context, text).Length, text, (span, source) =>
    {
        for (int i = 0; i < span.Length; i++)
            span[i] = char.IsUpper(source[i]) ? char.ToLowerInvariant(source[i]) : char.ToUpperInvariant(source[i]);
    });

    private static string Join(RenderContext context, string separator, object? items) => TextOperations.Join(
        context,
        separator,
        Iteration.Of(context, items).Select((item, i) => Markup.Plain(item) as string ?? throw new JinjaRenderException(
            $"sequence item {i}: expected str instance, {PythonType.NameOf(item)} found")));

    /// <summary>The part between start and end, which count code points, and where it begins in UTF-16 units; null when start is past the end.</summary>
    private static (string Part, int Offset)? Window(RenderContext context, string text, BoundArguments arguments)
    {
        context.ChargeText(text.Length);
        if (arguments.Or(1, null) is null && arguments.Or(2, null) is null)
            return (text, 0);
        int length = CodePoints.Count(text);
        if (arguments.Integer(1, 0) > length)
            return null;
        string part = new PythonSlice(arguments.Or(1, null), arguments.Or(2, null), null).Apply(context, text);
        string before = new PythonSlice(null, arguments.Or(1, 0L), null).Apply(context, text);
        return (part, before.Length);
    }

    private static object HasAffix(RenderContext context, string text, BoundArguments arguments, bool atEnd)
    {
        if (Window(context, text, arguments) is not (string part, _))
            return false;
        IEnumerable<object?> affixes = arguments[0] is PythonTuple several ? several : [arguments.Text(0)];
        return affixes.Any(affix =>
        {
            string wanted = Markup.Plain(affix) as string ?? throw new JinjaRenderException("startswith and endswith take a str or a tuple of str");
            context.ChargeText(wanted.Length);
            return atEnd ? part.EndsWith(wanted, StringComparison.Ordinal) : part.StartsWith(wanted, StringComparison.Ordinal);
        });
    }

    private static long Find(RenderContext context, string text, BoundArguments arguments, bool last)
    {
        if (Window(context, text, arguments) is not (string part, int offset))
            return -1;
        string wanted = arguments.Text(0);
        context.ChargeSearch(part, wanted);
        int at = last ? part.AsSpan().LastIndexOf(wanted) : part.IndexOf(wanted, StringComparison.Ordinal);
        if (last && wanted.Length == 0)
            at = part.Length;
        return at < 0 ? -1 : CodePoints.Count(text.AsSpan(0, offset + at));
    }

    private static object Found(long at) => at >= 0 ? at : throw new JinjaRenderException("substring not found");

    private static object Count(RenderContext context, string text, BoundArguments arguments)
    {
        if (Window(context, text, arguments) is not (string part, _))
            return 0L;
        string wanted = arguments.Text(0);
        context.ChargeSearch(part, wanted);
        return wanted.Length == 0 ? CodePoints.Count(part) + 1L : (long)part.AsSpan().Count(wanted);
    }

    private static PythonTuple Partition(RenderContext context, string text, string separator, bool last)
    {
        if (separator.Length == 0)
            throw new JinjaRenderException("empty separator");
        context.ChargeSearch(text, separator);
        int at = last ? text.LastIndexOf(separator, StringComparison.Ordinal) : text.IndexOf(separator, StringComparison.Ordinal);
        if (at < 0)
            return new PythonTuple(last ? ["", "", text] : [text, "", ""]);
        return new PythonTuple([text[..at], separator, text[(at + separator.Length)..]]);
    }

    private static string Fill(BoundArguments arguments)
    {
        string fill = arguments.Has(1) ? arguments.Text(1) : " ";
        return CodePoints.Count(fill) == 1
            ? fill
            : throw new JinjaRenderException("The fill character must be exactly one character long");
    }

    private static string ZeroFill(RenderContext context, string text, long width)
    {
        string sign = text.StartsWith('-') || text.StartsWith('+') ? text[..1] : "";
        return sign + TextOperations.Pad(context, text[sign.Length..], width - sign.Length, "0", leftShare: 1);
    }

    private static string ExpandTabs(RenderContext context, string text, long size)
    {
        var expanded = new BoundedText(context);
        int column = 0;
        foreach (char c in text)
        {
            if (c != '\t')
            {
                expanded.Append(c);
                column = c is '\n' or '\r' ? 0 : column + 1;
            }
            else if (size > 0)
            {
                int spaces = (int)Math.Min(size - (column % size), int.MaxValue);
                expanded.Append(' ', spaces);
                column += spaces;
            }
        }

        return expanded.ToString();
    }
}
